/**
 * The chunks of an area table in order of address: the least key of each, found by a bisection that a hint narrows.
 *
 * A least key is a border: rows of its chunk have it or a higher one, rows of chunks before have it or a lower one
 * (the same only above 2^53, see area-rows.ts). The first border is -infinity.
 */

/** Changes since the hints were made that a search allows for, beside a part of the chunks. */
const STALE_MIN = 8;

export class AreaDirectory {
  count = 0;
  mins = new Float64Array(4);
  chunks = new Int32Array(4);
  /**
   * No gap behind a row of the chunk (the gap up to the next chunk included) has more bytes than this, rounded as
   * `Number` does. Removing areas makes it Infinity; a search that walks the whole chunk finds out anew.
   */
  widest = new Float64Array(4);
  /**
   * The keys from the second border to the last are cut in equal buckets; hint `b` is the last chunk whose border lies
   * before bucket `b`, give or take `#stale`. Where borders are spread evenly, that leaves two or three candidates.
   */
  #hints = new Int32Array(2);
  #low = 0;
  #scale = 0;
  #top = 0;
  /** Chunks that came or went since the hints were made. */
  #stale = 0;

  /** The last chunk whose border is not above `key`. */
  find(key: number): number {
    const mins = this.mins;
    const x = (key - this.#low) * this.#scale;
    const bucket = x >= this.#top ? this.#top : x > 0 ? x | 0 : 0;
    let index = Math.max(0, (this.#hints[bucket] as number) - this.#stale);
    let left = Math.min(this.count, (this.#hints[bucket + 1] as number) + this.#stale + 1) - index;
    while (left > 1) {
      const half = left >>> 1;
      // By arithmetic (all bits or none of `half`), see `AreaRows.upTo`.
      index += (0 - +((mins[index + half] as number) <= key)) & half;
      left -= half;
    }
    return index;
  }

  /** The border of a chunk; infinity behind the last. */
  minOf(index: number): number {
    return index < this.count ? (this.mins[index] as number) : Number.POSITIVE_INFINITY;
  }

  insert(index: number, min: number, chunk: number, widest: number): void {
    if (this.count === this.mins.length) this.#grow(2 * this.count);
    this.mins.copyWithin(index + 1, index, this.count);
    this.chunks.copyWithin(index + 1, index, this.count);
    this.widest.copyWithin(index + 1, index, this.count);
    this.mins[index] = min;
    this.chunks[index] = chunk;
    this.widest[index] = widest;
    this.count++;
    this.#changed();
  }

  /** Moves a border: what lies between the old one and the new one changes its chunk. */
  setMin(index: number, min: number): void {
    this.mins[index] = min;
    this.#changed();
  }

  remove(index: number): void {
    this.mins.copyWithin(index, index + 1, this.count);
    this.chunks.copyWithin(index, index + 1, this.count);
    this.widest.copyWithin(index, index + 1, this.count);
    this.count--;
    if (index === 0) this.mins[0] = Number.NEGATIVE_INFINITY;
    this.#changed();
  }

  copy(): AreaDirectory {
    const copy = new AreaDirectory();
    copy.count = this.count;
    copy.mins = this.mins.slice();
    copy.chunks = this.chunks.slice();
    copy.widest = this.widest.slice();
    copy.#makeHints();
    return copy;
  }

  #grow(capacity: number): void {
    const { mins, chunks, widest } = this;
    this.mins = new Float64Array(capacity);
    this.mins.set(mins);
    this.chunks = new Int32Array(capacity);
    this.chunks.set(chunks);
    this.widest = new Float64Array(capacity);
    this.widest.set(widest);
  }

  #changed(): void {
    if (++this.#stale > STALE_MIN + (this.count >> 5)) this.#makeHints();
  }

  #makeHints(): void {
    const { mins, count } = this;
    const buckets = 2 << (31 - Math.clz32(count));
    if (this.#hints.length !== buckets + 1) this.#hints = new Int32Array(buckets + 1);
    const hints = this.#hints;
    const low = count > 1 ? (mins[1] as number) : 0;
    const span = count > 1 ? (mins[count - 1] as number) - low : 0;
    const scale = span > 0 ? buckets / span : 0;
    let index = 0;
    // What is less in `(key - low) * scale` is less in its key, rounding or not: so a chunk before a bucket is below it.
    for (let bucket = 0; bucket < buckets; bucket++) {
      while (index + 1 < count && ((mins[index + 1] as number) - low) * scale < bucket) index++;
      hints[bucket] = index;
    }
    hints[buckets] = count - 1;
    this.#low = low;
    this.#scale = scale;
    this.#top = buckets - 1;
    this.#stale = 0;
  }
}
