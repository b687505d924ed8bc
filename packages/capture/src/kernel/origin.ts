/** Where a fact comes from. */
import type { Actor, Stamp } from "@ioasis/core";

export interface Origin {
  readonly actor: Actor | null;
  readonly stamp: Stamp | null;
  readonly line: number;
}
