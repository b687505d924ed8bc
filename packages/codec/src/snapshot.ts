import type { ContextState } from "@ioasis/core";

/** A state with the digest that goes on from it. */
export interface Snapshot {
  readonly contextId: string;
  readonly state: ContextState;
  /** `Digest.save()` at the state's version. */
  readonly digest: Uint8Array;
}
export declare function encodeSnapshot(snapshot: Snapshot): Uint8Array;
/** @throws IoasisError ERR_BLOCK */
export declare function decodeSnapshot(bytes: Uint8Array): Snapshot;
