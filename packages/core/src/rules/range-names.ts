/** What stands for ranges in a rule file. */
import type { Range } from "../range.ts";

export interface RangeNames {
  /** Defined by `range NAME = ...` in a line above. */
  readonly named: Map<string, readonly Range[]>;
  /** What a guest of the layout in this file may have mapped; `line` asks for it. */
  readonly layout: (file: string, line: number) => readonly Range[];
}
