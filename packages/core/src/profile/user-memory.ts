/**
 * The memory of the process that maps: which user addresses can be pinned, and for writing.
 * An input of the model, because EFAULT follows from it. A value: changes make a new one.
 */
import type { Iova } from "../address.ts";
import { holes, intersection, type Range } from "../range.ts";

interface Area extends Range {
  readonly isWritable: boolean;
}

export class UserMemory {
  /** Disjoint, ascending. */
  readonly #areas: readonly Area[];

  private constructor(areas: readonly Area[]) {
    this.#areas = areas;
  }

  /** Nothing is mapped but one readable and writable buffer. */
  static of(va: bigint, length: bigint): UserMemory {
    return new UserMemory(length === 0n ? [] : [{ ...rangeOf(va, length), isWritable: true }]);
  }

  /** munmap(2). */
  without(va: bigint, length: bigint): UserMemory {
    const gone = rangeOf(va, length);
    return new UserMemory(this.#areas.flatMap((area) => holes([gone], area).map((part) => ({ ...area, ...part }))));
  }

  /** mprotect(2) of what is mapped in the range. `prot`: PROT_READ 1, PROT_WRITE 2, 0 none. */
  protected(va: bigint, length: bigint, prot: number): UserMemory {
    if (prot === 0) return this.without(va, length);
    const changed = rangeOf(va, length);
    const kept = this.without(va, length).#areas;
    const inside = this.#areas.flatMap((area) => intersection(area, changed) ?? []);
    const areas = [...kept, ...inside.map((range) => ({ ...range, isWritable: (prot & 2) !== 0 }))];
    return new UserMemory(areas.sort((a, b) => (a.first < b.first ? -1 : 1)));
  }

  /** Whether every byte of `[first, last]` can be pinned (pin_user_pages; FOLL_WRITE for writing). */
  canPin(first: bigint, last: bigint, forWrite: boolean): boolean {
    let next = first;
    for (const area of this.#areas) {
      if (area.last < next) continue;
      if (area.first > next || (forWrite && !area.isWritable)) return false;
      if (area.last >= last) return true;
      next = area.last + 1n;
    }
    return false;
  }
}

function rangeOf(va: bigint, length: bigint): Range {
  return { first: va as Iova, last: (va + length - 1n) as Iova };
}
