/**
 * One line of a file, where it lies: its bytes, and its text for whoever asks.
 *
 * A reader offers one and the same `Line` for each line in turn, so it tells of a line only until the next
 * one is read. Text is made of a whole block of lines at once, the first time any of them is asked for it.
 */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

export class Line {
  /** 1-based. */
  number = 0;
  /** The line is `bytes` from `from` to `to`, exclusive, without its line end. */
  bytes: Uint8Array;
  from = 0;
  to = 0;
  #block: string | null = null;
  #isSliceable = true;

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.bytes = bytes;
    this.to = bytes.length;
  }

  /** A line that is no part of a file. */
  static of(text: string, number: number): Line {
    const line = new Line(encoder.encode(text));
    line.number = number;
    return line;
  }

  /** The lines from here on lie in `bytes`, which begins and ends at a border of lines. */
  startBlock(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#block = null;
    this.#isSliceable = true;
  }

  get text(): string {
    return this.slice(this.from, this.to);
  }

  /** Bytes that are not UTF-8 become U+FFFD. */
  slice(from: number, to: number): string {
    if (this.#block === null && this.#isSliceable) {
      this.#block = decoder.decode(this.bytes);
      this.#isSliceable = this.#block.length === this.bytes.length;
    }
    // Only where every byte became one character do characters lie where their bytes do.
    if (this.#isSliceable && this.#block !== null) return this.#block.slice(from, to);
    return decoder.decode(this.bytes.subarray(from, to));
  }
}
