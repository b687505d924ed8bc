/**
 * Raw deflate (RFC 1951) for columns: the same bytes on every machine, which the libraries of machines do not promise.
 * One block with codes of its own for every so many tokens; matches.ts decides what is a token.
 */
import { codeLengths, codesOf } from "./huffman.ts";
import { Matcher, type Tokens } from "./matches.ts";

const LITERALS = 286;
const DISTANCES = 30;
const RUNS_OF_LENGTHS = 19;
const BITS_MAX = 15;
const RUN_BITS_MAX = 7;
const END = 256;
/** Codes made for the block: as opposed to none at all, and to the fixed ones. */
const DYNAMIC = 2;
/** The order in which the lengths of the codes for lengths stand (RFC 1951, 3.2.7). */
const RUN_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** The tables of a block, at their largest. */
const TABLE_BYTES_MAX = 320;

/** Lengths or distances: the first of each symbol, and how many bits follow it to tell which. */
interface Symbols {
  readonly first: Uint16Array;
  readonly bits: Uint8Array;
}

function symbolsOf(first: number, bits: readonly number[]): Symbols {
  let next = first;
  const firsts = bits.map((width) => (next += 1 << width) - (1 << width));
  return { first: Uint16Array.from(firsts), bits: Uint8Array.from(bits) };
}

const LENGTH = symbolsOf(
  3,
  Array.from({ length: 29 }, (_, symbol) => (symbol < 8 || symbol === 28 ? 0 : (symbol >> 2) - 1)),
);
LENGTH.first[28] = 258;
const DISTANCE = symbolsOf(
  1,
  Array.from({ length: DISTANCES }, (_, symbol) => Math.max(0, (symbol >> 1) - 1)),
);
const LENGTH_SYMBOL = new Uint8Array(259);
for (const [symbol, first] of LENGTH.first.entries()) LENGTH_SYMBOL.fill(symbol, first);

/** A prefix code and what it is made of. */
class Code {
  readonly counts: Uint32Array;
  readonly lengths: Uint8Array;
  readonly codes: Uint16Array;
  constructor(symbols: number) {
    this.counts = new Uint32Array(symbols);
    this.lengths = new Uint8Array(symbols);
    this.codes = new Uint16Array(symbols);
  }

  make(bitsMax: number): void {
    codeLengths(this.counts, bitsMax, this.lengths);
    codesOf(this.lengths, this.codes);
  }
}

const literal = new Code(LITERALS);
const distance = new Code(DISTANCES);
const run = new Code(RUNS_OF_LENGTHS);
/** The lengths of both codes with their runs folded: symbol, and the value of the bits behind it. */
const folded = new Uint8Array(2 * (LITERALS + DISTANCES));

/** Bits, lowest first. */
class BitWriter {
  readonly bytes: Uint8Array;
  length = 0;
  #held = 0;
  #count = 0;
  constructor(bytesMax: number) {
    this.bytes = new Uint8Array(bytesMax);
  }

  /** At most 16 bits. */
  put(value: number, bits: number): void {
    this.#held |= value << this.#count;
    this.#count += bits;
    while (this.#count >= 8) {
      this.bytes[this.length++] = this.#held;
      this.#held >>>= 8;
      this.#count -= 8;
    }
  }

  tokens({ tokens, count }: Tokens): void {
    const { codes, lengths } = literal;
    const { bytes } = this;
    let held = this.#held;
    let bits = this.#count;
    let at = this.length;
    for (let i = 0; i < count; i++) {
      const token = tokens[i] as number;
      if (token < 256) {
        held |= (codes[token] as number) << bits;
        bits += lengths[token] as number;
        while (bits >= 8) {
          bytes[at++] = held;
          held >>>= 8;
          bits -= 8;
        }
        continue;
      }
      this.#held = held;
      this.#count = bits;
      this.length = at;
      this.#match(token >>> 16, token & 0xffff);
      held = this.#held;
      bits = this.#count;
      at = this.length;
    }
    this.#held = held;
    this.#count = bits;
    this.length = at;
  }

  #match(length: number, back: number): void {
    const symbol = LENGTH_SYMBOL[length] as number;
    this.put(literal.codes[257 + symbol] as number, literal.lengths[257 + symbol] as number);
    this.put(length - (LENGTH.first[symbol] as number), LENGTH.bits[symbol] as number);
    const far = distanceSymbol(back);
    this.put(distance.codes[far] as number, distance.lengths[far] as number);
    this.put(back - (DISTANCE.first[far] as number), DISTANCE.bits[far] as number);
  }

  end(): Uint8Array {
    if (this.#count > 0) this.bytes[this.length++] = this.#held;
    return this.bytes.slice(0, this.length);
  }
}

function distanceSymbol(back: number): number {
  if (back < 5) return back - 1;
  const bits = 30 - Math.clz32(back - 1);
  return 2 * bits + 2 + (((back - 1) >> bits) & 1);
}

/** The bytes, deflated. */
export function deflate(raw: Uint8Array): Uint8Array {
  const out = new BitWriter(2 * raw.length + TABLE_BYTES_MAX * (1 + (raw.length >> 13)));
  const matcher = new Matcher(raw);
  let from = 0;
  do {
    const tokens = matcher.tokens(from);
    from = tokens.end;
    writeBlock(out, tokens, from === raw.length);
  } while (from < raw.length);
  return out.end();
}

function writeBlock(out: BitWriter, tokens: Tokens, isLast: boolean): void {
  count(tokens);
  literal.make(BITS_MAX);
  distance.make(BITS_MAX);
  out.put(isLast ? 1 : 0, 1);
  out.put(DYNAMIC, 2);
  writeTables(out);
  out.tokens(tokens);
  out.put(literal.codes[END] as number, literal.lengths[END] as number);
}

function count({ tokens, count }: Tokens): void {
  const literals = literal.counts.fill(0);
  const distances = distance.counts.fill(0);
  literals[END] = 1;
  for (let i = 0; i < count; i++) {
    const token = tokens[i] as number;
    if (token < 256) {
      literals[token] = (literals[token] as number) + 1;
      continue;
    }
    const symbol = 257 + (LENGTH_SYMBOL[token >>> 16] as number);
    const far = distanceSymbol(token & 0xffff);
    literals[symbol] = (literals[symbol] as number) + 1;
    distances[far] = (distances[far] as number) + 1;
  }
}

/** RFC 1951, 3.2.7. */
function writeTables(out: BitWriter): void {
  const literals = usedOf(literal.lengths, 257);
  const distances = usedOf(distance.lengths, 1);
  run.counts.fill(0);
  const end = fold(distance.lengths, distances, fold(literal.lengths, literals, 0));
  run.make(RUN_BITS_MAX);
  let runs = RUNS_OF_LENGTHS;
  while (runs > 4 && run.lengths[RUN_ORDER[runs - 1] as number] === 0) runs--;
  out.put(literals - 257, 5);
  out.put(distances - 1, 5);
  out.put(runs - 4, 4);
  for (const symbol of RUN_ORDER.slice(0, runs)) out.put(run.lengths[symbol] as number, 3);
  for (let i = 0; i < end; i += 2) {
    const symbol = folded[i] as number;
    out.put(run.codes[symbol] as number, run.lengths[symbol] as number);
    if (symbol >= 16) out.put(folded[i + 1] as number, symbol === 16 ? 2 : symbol === 17 ? 3 : 7);
  }
}

/** How many lengths have to be told; at least `min`. */
function usedOf(lengths: Uint8Array, min: number): number {
  let used = lengths.length;
  while (used > min && lengths[used - 1] === 0) used--;
  return used;
}

/** 16: the one before 3 ... 6 times more; 17, 18: 0 for 3 ... 10 or 11 ... 138 times. */
function fold(lengths: Uint8Array, used: number, to: number): number {
  let at = to;
  const put = (symbol: number, value: number): void => {
    folded[at++] = symbol;
    folded[at++] = value;
    run.counts[symbol] = (run.counts[symbol] as number) + 1;
  };
  for (let i = 0; i < used; ) {
    const length = lengths[i] as number;
    let same = 1;
    while (i + same < used && lengths[i + same] === length) same++;
    i += same;
    if (length !== 0) {
      put(length, 0);
      same--;
    }
    while (same >= 3) {
      const max = length !== 0 ? 6 : 138;
      const times = Math.min(same, max);
      if (length !== 0) put(16, times - 3);
      else if (times < 11) put(17, times - 3);
      else put(18, times - 11);
      same -= times;
    }
    for (; same > 0; same--) put(length, 0);
  }
  return at;
}
