/** What `explain` answers and what it goes by. */
import type { Actor, ContextState, Range } from "@ioasis/core";
import type { AreaJson } from "./area-json.ts";
import type { ContextIndex } from "./context-index.ts";
import type { EventMark } from "./event-mark.ts";
import type { Fault, FaultJson } from "./fault.ts";
import type { FaultMoment } from "./fault-moment.ts";
import type { Suspects } from "./suspect-spaces.ts";

export type Verdict =
  | "use-after-unmap"
  | "never-mapped"
  | "permission"
  | "not-attached"
  | "reserved"
  | "beyond-aperture"
  /** The mapping was fine: look at the device or the clock. */
  | "mapped";

export interface Findings {
  /** Null: the fault names no address. */
  readonly verdict: Verdict | null;
  /** The mapping that the verdict speaks of, as it was. */
  readonly area: AreaJson | null;
  readonly mappedAt: EventMark | null;
  readonly unmappedAt: EventMark | null;
  /** From the unmap to the fault; null where their clocks do not join. */
  readonly gapSeconds: number | null;
  /** Who made the last change that matters: the unmap, else the map. */
  readonly by: Actor | null;
  /** Whole sentences, as those below. */
  readonly evidence: readonly string[];
  readonly uncertainty: readonly string[];
}

export interface Explanation extends Findings {
  readonly context: string;
  /** The state that was looked at. */
  readonly version: number;
  readonly fault: FaultJson;
}

/** All that the search for one fault goes by. */
export interface Investigation {
  readonly index: ContextIndex;
  readonly fault: Fault;
  readonly moment: FaultMoment;
  /** At the moment, without areas. */
  readonly state: ContextState;
  readonly suspects: Suspects;
  /** The bytes that the device may have meant. */
  readonly range: Range;
}
