/**
 * Cuts bytes into what deflate writes: literals, and matches with bytes up to 32 KiB before.
 *
 * Columns of small differences have few distinct bytes: a literal costs a bit or two, and a match only pays where it
 * is long. So matches are taken by the bits that they save beside literals at what they cost on average.
 */

/** Tokens that share one code. */
const TOKENS_MAX = 1 << 16;
/** Bytes that a match reaches back. */
const WINDOW = 1 << 15;
const KEY_BITS_MAX = 15;
const LENGTH_MIN = 4;
const LENGTH_MAX = 258;
/** A match as long as this is taken without looking for a longer one. */
const LENGTH_GOOD = 64;
/** Places with the same key that are looked at. */
const PROBES_MAX = 4;
/** What a match costs beside the low bits of its distance, about. */
const MATCH_BITS = 11;
/** Where literals are cheaper than this, places must share 8 bytes to be looked at, and not 4. */
const CHEAP_LITERAL_BITS = 2;
/** After each so many places in vain, one more is passed over between those that are looked at ... */
const MISSES_PER_STEP = 32;
/** ... until a match saves more bits than this. */
const STRONG_MATCH_BITS = 24;

export interface Tokens {
  /** Below 256: a literal. Else length << 16 | distance. */
  readonly tokens: Uint32Array;
  readonly count: number;
  /** Where the next ones begin. */
  readonly end: number;
}

const tokens = new Uint32Array(TOKENS_MAX);
const counts = new Uint32Array(256);
/**
 * Newest place of a key, and the one of the same key before each place of the window. Places of all bytes ever cut
 * are numbered in one row, so that what is left from others needs no clearing: it lies before the first of these.
 */
const heads = new Int32Array(1 << KEY_BITS_MAX);
const before = new Int32Array(WINDOW);
/** The next free number. 0 is no place. */
let nextPlace = 1;
const PLACE_MAX = 0x7fff_ffff;

/** Finds matches in one run of bytes, from its start to its end. */
export class Matcher {
  readonly #raw: Uint8Array;
  /** Number of the first byte. */
  readonly #first: number;
  /** Keys have as many bits as the bytes need: a small table stays near the processor. */
  readonly #keyShift: number;
  #literalBits = 8;

  constructor(raw: Uint8Array) {
    if (nextPlace + raw.length > PLACE_MAX) {
      heads.fill(0);
      nextPlace = 1;
    }
    this.#raw = raw;
    this.#keyShift = Math.max(32 - KEY_BITS_MAX, Math.clz32(raw.length));
    this.#first = nextPlace;
    nextPlace += raw.length;
  }

  /** The tokens from `from` on: all, or as many as share one code. */
  tokens(from: number): Tokens {
    const raw = this.#raw;
    this.#literalBits = averageBits(raw.subarray(from, from + TOKENS_MAX));
    let count = 0;
    let at = from;
    let misses = 0;
    // Two tokens come of one turn at most: a literal, and a better match behind it.
    while (at < raw.length && count < TOKENS_MAX - 1) {
      let match = this.#longest(at);
      if (match === 0) {
        const end = Math.min(raw.length, at + 1 + Math.floor(misses++ / MISSES_PER_STEP), at + TOKENS_MAX - count);
        while (at < end) tokens[count++] = raw[at++] as number;
        continue;
      }
      if (this.#saved(match) > STRONG_MATCH_BITS) misses = 0;
      if (match >>> 16 < LENGTH_GOOD) {
        const next = this.#longest(at + 1);
        if (next !== 0 && this.#saved(next) > this.#saved(match) + this.#literalBits) {
          tokens[count++] = raw[at++] as number;
          match = next;
        }
      }
      tokens[count++] = match;
      at += match >>> 16;
    }
    return { tokens, count, end: at };
  }

  /** Length << 16 | distance of the match at `at` that saves most, 0 where none saves anything. */
  #longest(at: number): number {
    const raw = this.#raw;
    const max = Math.min(LENGTH_MAX, raw.length - at);
    if (max < 8) return 0;
    let key = Math.imul(wordAt(raw, at), 0x9e3779b1);
    if (this.#literalBits < CHEAP_LITERAL_BITS) key = Math.imul(key ^ wordAt(raw, at + 4), 0x85ebca6b);
    key >>>= this.#keyShift;
    const first = this.#first;
    let place = (heads[key] as number) - first;
    before[at & (WINDOW - 1)] = place + first;
    heads[key] = at + first;
    let best = 0;
    let bestLength = LENGTH_MIN - 1;
    let bestSaved = 0;
    for (let probes = PROBES_MAX; probes > 0 && place >= 0 && at - place <= WINDOW; probes--) {
      if (raw[place + bestLength] === raw[at + bestLength]) {
        let length = 0;
        while (length < max && raw[place + length] === raw[at + length]) length++;
        if (length > bestLength) {
          const match = (length << 16) | (at - place);
          const saved = this.#saved(match);
          if (saved > bestSaved) {
            best = match;
            bestLength = length;
            bestSaved = saved;
          }
          if (length === max) break;
        }
      }
      place = (before[place & (WINDOW - 1)] as number) - first;
    }
    return best;
  }

  /** Bits that a match saves. */
  #saved(match: number): number {
    return (match >>> 16) * this.#literalBits - MATCH_BITS - (31 - Math.clz32(match & 0xffff));
  }
}

function wordAt(raw: Uint8Array, at: number): number {
  return (
    (raw[at] as number) |
    ((raw[at + 1] as number) << 8) |
    ((raw[at + 2] as number) << 16) |
    ((raw[at + 3] as number) << 24)
  );
}

/** What a literal costs on average, in bits; in arithmetic that is the same everywhere, unlike `Math.log2`. */
function averageBits(raw: Uint8Array): number {
  counts.fill(0);
  for (let i = 0; i < raw.length; i++) counts[raw[i] as number] = (counts[raw[i] as number] as number) + 1;
  let bits = 0;
  for (let byte = 0; byte < 256; byte++) {
    const count = counts[byte] as number;
    if (count === 0) continue;
    // log2 of the ratio: the whole part exactly, the rest as a straight line.
    const ratio = raw.length / count;
    const whole = 31 - Math.clz32(ratio);
    bits += count * (whole + ratio / 2 ** whole - 1);
  }
  return bits / raw.length;
}
