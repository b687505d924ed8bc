/** Reading what a recording says the kernel wrote; handles are numbered in order of creation, as in the state. */
import type { Iova } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { Fields } from "./fields.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";

export function outOf(step: Step): Fields {
  return new Fields(step.out, () => `what ${step.op} (step ${step.i}) wrote`, step.line);
}

/** The number of a handle: 3 of "hwpt3". */
export function handleNumber(handle: string): number {
  const match = /^[a-z]+(\d{1,6})$/.exec(handle);
  if (match !== null) return Number(match[1]);
  throw new IoasisError("ERR_INPUT", `"${handle}" is no handle: a name and a number is expected`);
}

/** Counts the object that the recording shows being made, so that the next one's handle is known. */
export function countHandle(step: Step, replay: Replay, type: string): void {
  replay.count(type, handleNumber(outOf(step).text(type)));
}

/** The range of `length` bytes (one at least) from `first`. */
export function rangeFrom(first: bigint, length: bigint): { readonly first: Iova; readonly last: Iova } {
  return { first: first as Iova, last: (first + (length === 0n ? 1n : length) - 1n) as Iova };
}
