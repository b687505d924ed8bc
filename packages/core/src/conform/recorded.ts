/** Reading what a recording says the kernel wrote; handles are numbered in order of creation, as in the state. */
import type { Iova } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { Fields } from "./fields.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";

export function outOf(step: Step): Fields {
  return new Fields(step.out, () => `what ${step.op} (step ${step.i}) wrote`, step.line);
}

const DIGITS_MAX = 6;
const [ZERO, NINE, A, Z] = [0x30, 0x39, 0x61, 0x7a];

/** The number of a handle: 3 of "hwpt3", small letters and then at most six digits. */
export function handleNumber(handle: string): number {
  let start = 0;
  while (isBetween(handle.charCodeAt(start), A, Z)) start++;
  let number = 0;
  let at = start;
  for (; isBetween(handle.charCodeAt(at), ZERO, NINE); at++) number = number * 10 + handle.charCodeAt(at) - ZERO;
  if (start > 0 && at > start && at - start <= DIGITS_MAX && at === handle.length) return number;
  throw new IoasisError("ERR_INPUT", `"${handle}" is no handle: a name and a number is expected`);
}

/** Beyond the end of a string there is NaN, which is between nothing. */
function isBetween(code: number, first: number, last: number): boolean {
  return code >= first && code <= last;
}

/** Counts the object that the recording shows being made, so that the next one's handle is known. */
export function countHandle(step: Step, replay: Replay, type: string): void {
  replay.count(type, handleNumber(outOf(step).text(type)));
}

/** The range of `length` bytes (one at least) from `first`. */
export function rangeFrom(first: bigint, length: bigint): { readonly first: Iova; readonly last: Iova } {
  return { first: first as Iova, last: (first + (length === 0n ? 1n : length) - 1n) as Iova };
}
