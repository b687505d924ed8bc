/** Which pages a call may pin: always for writing (FOLL_WRITE), whatever the device is going to do. */
import type { UserMemory } from "../profile/user-memory.ts";

/** How many of the `count` pages from `va` on can be pinned before the first that cannot. */
export function pinnablePages(memory: UserMemory, va: bigint, count: number, pageShift: number): number {
  const canPin = (pages: number) => memory.canPin(va, va + (BigInt(pages) << BigInt(pageShift)) - 1n, true);
  if (count === 0 || canPin(count)) return count;
  let [good, bad] = [0, count];
  while (bad - good > 1) {
    const middle = good + Math.floor((bad - good) / 2);
    if (canPin(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
