/** Pinning and charging the pages behind a new mapping (vfio_pin_pages_remote). */
import type { Refusal } from "../decide/outcome.ts";
import type { UserMemory } from "../profile/user-memory.ts";
import { PAGE_BYTES, type Type1Environment } from "./environment.ts";

const UNREADABLE: Refusal = { errno: "EFAULT", rule: "vaddr_get_pfns: user memory cannot be pinned" };
const OVER_LIMIT: Refusal = { errno: "ENOMEM", rule: "vfio_pin_pages_remote: over RLIMIT_MEMLOCK" };

export interface Pinning {
  readonly userVa: bigint;
  readonly size: bigint;
  readonly isWritable: boolean;
  /** mm->locked_vm before. */
  readonly lockedPages: bigint;
}

/**
 * The pages that are charged, or what stops the pinning first: it goes page by page in order of
 * address. The same page is charged each time that it is mapped; device memory is not charged.
 */
export function pinDma(
  { userVa, size, isWritable, lockedPages }: Pinning,
  environment: Type1Environment,
): bigint | Refusal {
  const { memory, deviceMemory, memlockBytes, canLockMemory } = environment;
  const room = canLockMemory || memlockBytes === null ? null : memlockBytes / PAGE_BYTES - lockedPages;
  const end = userVa + size;
  let charged = 0n;
  for (let at = userVa; at < end; ) {
    const ordinary = pinnableBytes(memory, at, end - at, isWritable);
    charged += ordinary / PAGE_BYTES;
    if (ordinary > 0n && room !== null && charged > room) return OVER_LIMIT;
    const bytes = ordinary > 0n ? ordinary : pinnableBytes(deviceMemory, at, end - at, isWritable);
    if (bytes === 0n) return UNREADABLE;
    at += bytes;
  }
  return charged;
}

/** How many bytes from `first` on, in whole pages and `size` at most, can be pinned before a page cannot. */
function pinnableBytes(memory: UserMemory, first: bigint, size: bigint, isWritable: boolean): bigint {
  if (memory.canPin(first, first + size - 1n, isWritable)) return size;
  let [pinnable, tooMany] = [0n, size / PAGE_BYTES];
  while (tooMany - pinnable > 1n) {
    const pages = (pinnable + tooMany) / 2n;
    if (memory.canPin(first, first + pages * PAGE_BYTES - 1n, isWritable)) pinnable = pages;
    else tooMany = pages;
  }
  return pinnable * PAGE_BYTES;
}
