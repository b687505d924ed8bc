/**
 * The memory of the process that maps: which user addresses can be pinned, and for writing.
 * An input of the model, because EFAULT follows from it. A value: changes make a new one.
 */
import type { Iova } from "../address.ts";
import { holes, intersection, type Range } from "../range.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;

interface Area extends Range {
  readonly prot: number;
}

export class UserMemory {
  /** Disjoint, ascending. */
  readonly #areas: readonly Area[];

  private constructor(areas: readonly Area[]) {
    this.#areas = areas;
  }

  /** Nothing is mapped but one readable and writable buffer. */
  static of(va: bigint, length: bigint): UserMemory {
    return new UserMemory(length === 0n ? [] : [{ ...rangeOf(va, length), prot: PROT_READ | PROT_WRITE }]);
  }

  /** munmap(2). */
  without(va: bigint, length: bigint): UserMemory {
    if (length === 0n) return this;
    const gone = rangeOf(va, length);
    return new UserMemory(this.#areas.flatMap((area) => holes([gone], area).map((part) => ({ ...area, ...part }))));
  }

  /** mprotect(2) of what is mapped in the range. `prot`: PROT_READ 1, PROT_WRITE 2, 0 none. */
  protected(va: bigint, length: bigint, prot: number): UserMemory {
    if (length === 0n) return this;
    const changed = rangeOf(va, length);
    const kept = this.without(va, length).#areas;
    const inside = this.#areas.flatMap((area) => intersection(area, changed) ?? []);
    const areas = [...kept, ...inside.map((range) => ({ ...range, prot }))];
    return new UserMemory(areas.sort((a, b) => (a.first < b.first ? -1 : 1)));
  }

  /** Whether every byte of `[first, last]` can be pinned (pin_user_pages; FOLL_WRITE for writing). */
  canPin(first: bigint, last: bigint, forWrite: boolean): boolean {
    return this.pinnableBytes(first, last, forWrite) > last - first;
  }

  /** How many bytes of `[first, last]`, from the first on, can be pinned before one cannot. */
  pinnableBytes(first: bigint, last: bigint, forWrite: boolean): bigint {
    return this.#coveredBytes(first, last, forWrite ? PROT_WRITE : PROT_READ);
  }

  /** Whether every byte of `[first, last]` is mapped, accessible or not. */
  isMapped(first: bigint, last: bigint): boolean {
    return this.#coveredBytes(first, last, 0) > last - first;
  }

  #coveredBytes(first: bigint, last: bigint, prot: number): bigint {
    let next = first;
    for (const area of this.#areas) {
      if (area.last < next) continue;
      if (area.first > next || (area.prot & prot) !== prot) break;
      if (area.last >= last) return last - first + 1n;
      next = area.last + 1n;
    }
    return next - first;
  }
}

function rangeOf(va: bigint, length: bigint): Range {
  return { first: va as Iova, last: (va + length - 1n) as Iova };
}
