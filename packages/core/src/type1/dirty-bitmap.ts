/**
 * Dirty bits as the driver writes them (update_user_bitmap). These IOMMUs tell type1 nothing of dirtiness,
 * so every page of a mapping is reported every time.
 */
import type { Span } from "../area.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { UserMemory } from "../profile/user-memory.ts";
import type { UserBitmap } from "./commands.ts";
import { PAGE_BYTES } from "./environment.ts";

const WORD_BITS = 64n;
/** TASK_SIZE_MAX of x86-64 with four levels: where access_ok ends. */
const USER_SPACE_END = 0x7fff_ffff_f000n;
/** DIRTY_BITMAP_SIZE_MAX */
const BITMAP_BYTES_MAX = 0x1000_0000n;

const UNWRITABLE: Refusal = { errno: "EFAULT", rule: "update_user_bitmap: the bitmap cannot be written" };

/** Whether `[address, address + bytes)` reaches beyond user space (access_ok). */
export function isBeyondUserSpace({ address, bytes }: UserBitmap): boolean {
  return address !== null && address + bytes > USER_SPACE_END;
}

/** Whether a bitmap of this size cannot be used for `size` bytes of IOVA (verify_bitmap_size). */
export function hasWrongSize({ pageSize, bytes }: UserBitmap, size: bigint): boolean {
  const smallest = pageSize & -pageSize;
  const pages = smallest === 0n ? size : size / smallest;
  return pages === 0n || bytes === 0n || bytes > BITMAP_BYTES_MAX || bytes < 8n * wordsFor(pages);
}

export function wordsFor(bits: bigint): bigint {
  return (bits + WORD_BITS - 1n) / WORD_BITS;
}

/** The user's bitmap while a call writes it: 64-bit words by index; words never written keep `fill`. */
export class BitmapWriter {
  readonly words = new Map<bigint, bigint>();
  readonly #user: UserBitmap;
  readonly #memory: UserMemory;
  readonly #filled: bigint;

  constructor(user: UserBitmap, memory: UserMemory) {
    this.#user = user;
    this.#memory = memory;
    this.#filled = BigInt.asUintN(64, BigInt(user.fill) * 0x0101_0101_0101_0101n);
  }

  /**
   * Writes the bits of one mapping; bit 0 of the bitmap is the page at `base`. `spare`: what its bitmap holds
   * above its last page.
   * @returns what it holds there afterwards, and why writing failed, if it did
   */
  write(mapping: Span, base: bigint, spare: bigint): { readonly spare: bigint; readonly refusal: Refusal | null } {
    const pages = (mapping.last - mapping.iova + 1n) / PAGE_BYTES;
    const offset = (mapping.iova - base) / PAGE_BYTES;
    const [word, shift] = [offset / WORD_BITS, offset % WORD_BITS];
    const count = wordsFor(pages + shift);
    let bits = (spare << pages) | ((1n << pages) - 1n);
    // bitmap_shift_left moves whole words, but only as many as are copied; those above stay.
    if (shift > 0n) {
      const above = (bits >> (count * WORD_BITS)) << (count * WORD_BITS);
      bits = BigInt.asUintN(Number(count * WORD_BITS), bits << shift) | above;
    }
    if (!this.#isWritable(word, count)) return { spare: bits >> pages, refusal: UNWRITABLE };
    // The user's old first word is ORed in whole, not only its bits below the shift.
    if (shift > 0n) bits |= this.words.get(word) ?? this.#filled;
    for (let i = 0n; i < count; i++) this.words.set(word + i, BigInt.asUintN(64, bits >> (i * WORD_BITS)));
    // Afterwards only the bits of the pages are cleared: what was shifted beyond them remains.
    return { spare: bits >> pages, refusal: null };
  }

  #isWritable(word: bigint, count: bigint): boolean {
    const { address } = this.#user;
    if (address === null) return true;
    return this.#memory.canPin(address + 8n * word, address + 8n * (word + count) - 1n, true);
  }
}
