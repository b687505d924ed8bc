/** Prefix codes as deflate wants them: lengths within a limit, canonical, lowest bit first. */

/** Symbols of the largest alphabet: literals, the end, lengths of matches. */
export const SYMBOLS_MAX = 286;

const sorted = new Uint32Array(SYMBOLS_MAX);
const weights = new Uint32Array(2 * SYMBOLS_MAX);
const parents = new Uint16Array(2 * SYMBOLS_MAX);
const depths = new Uint16Array(2 * SYMBOLS_MAX);
/** Symbols share a word with their counts while they are sorted. */
const SYMBOL_BITS = 9;

/**
 * Lengths of an optimal prefix code for `counts` (below 2^23 each), or of one close to it where an optimal one would
 * be longer than `bitsMax`. Symbols that never occur get 0; one alone gets 1.
 */
export function codeLengths(counts: Uint32Array, bitsMax: number, lengths: Uint8Array): void {
  let used = 0;
  for (let symbol = 0; symbol < counts.length; symbol++) {
    const count = counts[symbol] as number;
    lengths[symbol] = 0;
    if (count > 0) sorted[used++] = (count << SYMBOL_BITS) | symbol;
  }
  const order = sorted.subarray(0, used).sort();
  const perLength = lengthCounts(order, bitsMax);
  // The rarest have the longest codes.
  let next = 0;
  for (let length = bitsMax; length > 0; length--)
    for (let n = perLength[length] as number; n > 0; n--)
      lengths[(order[next++] as number) & ((1 << SYMBOL_BITS) - 1)] = length;
}

/** How many codes have each length. */
function lengthCounts(order: Uint32Array, bitsMax: number): Uint16Array {
  const perLength = new Uint16Array(bitsMax + 1);
  const used = order.length;
  if (used < 2) {
    perLength[1] = used;
    return perLength;
  }
  joinLightest(order);
  const root = 2 * used - 2;
  depths[root] = 0;
  let room = 1 << bitsMax;
  for (let node = root - 1; node >= 0; node--) {
    const depth = (depths[parents[node] as number] as number) + 1;
    depths[node] = depth;
    if (node >= used) continue;
    const length = Math.min(depth, bitsMax);
    perLength[length] = (perLength[length] as number) + 1;
    room -= 1 << (bitsMax - length);
  }
  // Codes that were cut to the limit took more room than there is: longer codes for others give it back.
  for (; room < 0; room++) {
    let length = bitsMax - 1;
    while (perLength[length] === 0) length--;
    perLength[length] = (perLength[length] as number) - 1;
    perLength[length + 1] = (perLength[length + 1] as number) + 2;
    perLength[bitsMax] = (perLength[bitsMax] as number) - 1;
  }
  return perLength;
}

/** Huffman: the two lightest nodes become one, until one is left. Leaves are nodes 0 ... used - 1, ascending. */
function joinLightest(order: Uint32Array): void {
  const used = order.length;
  for (let i = 0; i < used; i++) weights[i] = (order[i] as number) >>> SYMBOL_BITS;
  let leaf = 0;
  let inner = used;
  for (let made = used; made < 2 * used - 1; made++) {
    let weight = 0;
    for (let child = 0; child < 2; child++) {
      const isLeaf = leaf < used && (inner === made || (weights[leaf] as number) <= (weights[inner] as number));
      const node = isLeaf ? leaf++ : inner++;
      parents[node] = made;
      weight += weights[node] as number;
    }
    weights[made] = weight;
  }
}

/** The codes that belong to `lengths`: by length, then symbol; bits reversed. */
export function codesOf(lengths: Uint8Array, codes: Uint16Array): void {
  const next = new Uint16Array(17);
  for (const length of lengths) next[length + 1] = (next[length + 1] as number) + 1;
  next[1] = 0;
  for (let length = 1; length < 16; length++)
    next[length + 1] = ((next[length] as number) + (next[length + 1] as number)) << 1;
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol] as number;
    if (length === 0) continue;
    const code = next[length] as number;
    next[length] = code + 1;
    let reversed = 0;
    for (let bit = 0; bit < length; bit++) reversed |= ((code >>> bit) & 1) << (length - 1 - bit);
    codes[symbol] = reversed;
  }
}
