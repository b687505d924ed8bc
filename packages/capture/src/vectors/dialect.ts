/** What the three kinds of vector files (iommufd, type1, sPAPR) have in common for the decoder. */
import type { Errno, ObservedEvent, ProfileName } from "@ioasis/core";
import type { VectorRecord } from "./record.ts";

/** Takes the facts of one call. `context`: key within the file, `""` for its first or only one. */
export type Emit = (context: string, profile: ProfileName, event: ObservedEvent, errno?: Errno | null) => void;

export interface Dialect {
  /** Whether the operation is one of this dialect; its facts, if it has any, go to `emit`. */
  take(record: VectorRecord, emit: Emit): boolean;
}

/** The fact that a call was refused for which there is no event of its own. */
export function callRefused({ op, input }: VectorRecord): ObservedEvent {
  return { type: "CallRefused", call: op, detail: input.text };
}
