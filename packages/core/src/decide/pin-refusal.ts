/** Why pages cannot be pinned: they cannot be reached, or RLIMIT_MEMLOCK (pages.c: pfn_reader_update_pinned). */
import type { Environment } from "../profile/environment.ts";
import type { Range } from "../range.ts";
import type { ContextState } from "../state.ts";
import { pageTablesOf } from "./objects.ts";
import type { Refusal } from "./outcome.ts";
import { type PinLedger, pinLedgerOf } from "./pin-ledger.ts";
import { PinnedRanges } from "./pinned-ranges.ts";
import { type Pages, pagesOfArea } from "./pinning.ts";

const UNREADABLE: Refusal = { errno: "EFAULT", rule: "pfn_reader_user_pin: user memory cannot be pinned" };
const BEYOND_FILE: Refusal = { errno: "EINVAL", rule: "memfd_pin_folios: beyond the end of the file" };
const OVER_LIMIT: Refusal = { errno: "ENOMEM", rule: "incr_user_locked_vm: over RLIMIT_MEMLOCK" };

/** Why `wanted` cannot be pinned, one after the other, or null. */
export function pinRefusal(state: ContextState, wanted: readonly Pages[], environment: Environment): Refusal | null {
  const { memlockBytes, canLockMemory, pageSize } = environment;
  const limit = canLockMemory || memlockBytes === null ? null : memlockBytes & -pageSize;
  if (limit === null && wanted.every((pages) => isReachable(pages, pages.bytes, environment))) return null;
  const pinned = new Pinned(state, environment);
  for (const pages of wanted) {
    const missing = pinned.missing(pages);
    if (missing.some((range) => !isReachable(pages, range, environment)))
      return pages.fd === null ? UNREADABLE : BEYOND_FILE;
    const charged = pinned.chargedBytes;
    pinned.pin(pages, missing);
    if (limit !== null && pinned.chargedBytes > charged && pinned.chargedBytes > limit) return OVER_LIMIT;
  }
  return null;
}

function isReachable({ fd, isWritable }: Pages, { first, last }: Range, { memory, files }: Environment): boolean {
  if (fd === null) return memory.canPin(first, last, isWritable);
  const bytes = files.get(fd);
  return bytes === undefined || last < bytes;
}

/** What is pinned while a call is decided: by page tables, by in-kernel users, by the call so far. */
class Pinned {
  /** Each pages object counts the pages that anybody has pinned; those made with CAP_IPC_LOCK do not count. */
  chargedBytes: bigint;
  readonly #tables: PinLedger;
  /** What the page tables do not tell, by MAP. */
  readonly #others = new Map<number, PinnedRanges>();
  readonly #lockedUpTo: number;

  constructor(state: ContextState, environment: Environment) {
    this.#tables = pinLedgerOf(state, environment);
    this.#lockedUpTo = environment.lockedUpTo;
    this.chargedBytes = this.#tables.chargedBytes;
    for (const pages of pagesOfAccesses(state, environment)) this.pin(pages, this.missing(pages));
  }

  /** The pages of a MAP that is being made are nobody's yet. */
  missing({ map, bytes }: Pages): readonly Range[] {
    if (map === null) return [bytes];
    const missing = this.#tables.rangesOf(map)?.missing(bytes) ?? [bytes];
    const others = this.#others.get(map);
    return others === undefined ? missing : missing.flatMap((range) => others.missing(range));
  }

  pin({ map, bytes }: Pages, missing: readonly Range[]): void {
    if (map === null || map > this.#lockedUpTo)
      for (const { first, last } of missing) this.chargedBytes += last - first + 1n;
    if (map === null) return;
    const others = this.#others.get(map) ?? new PinnedRanges();
    this.#others.set(map, others);
    others.pin(bytes);
  }
}

/** What in-kernel users have pinned of spaces without page tables. */
function* pagesOfAccesses(state: ContextState, environment: Environment): Generator<Pages> {
  for (const { ioas, first, last } of environment.pins.values()) {
    const space = state.space(ioas);
    if (!space.isAlive || pageTablesOf(state, space).length > 0) continue;
    for (const area of space.areas.in(first, last)) {
      const part = pagesOfArea(area, first, last, environment);
      if (part !== null) yield part;
    }
  }
}
