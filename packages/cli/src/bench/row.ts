/** A row of the bench: a name that stays, what it has to reach, and the benches that measure it. */
import type { World } from "../world.ts";
import type { Bench } from "./measure.ts";
import type { Scratch } from "./scratch.ts";

/** What a row is measured with. */
export interface Setting {
  readonly world: World;
  readonly scratch: Scratch;
  /** Says on stderr what is under way, for those who wait. */
  readonly say: (text: string) => void;
}

/** Sizes in which a row can be measured; asked for as `ROW@SIZE`. */
export interface Sizes {
  /** What is counted: `live mappings`, `events of history`. */
  readonly of: string;
  /** Of a run that names none. */
  readonly usual: readonly number[];
  /** Others worth asking for by name. */
  readonly byName: readonly number[];
}

export interface Row {
  readonly id: string;
  readonly title: string;
  /** In words, with its peer; null: measured without one. */
  readonly goal: string | null;
  readonly sizes: Sizes | null;
  /** Its benches take turns with each other: they are points of one curve. */
  readonly isCurve?: true;
  /** @param size 0 where the row has no sizes */
  make(setting: Setting, size: number): Promise<readonly Bench[]>;
}
