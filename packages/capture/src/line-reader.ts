/**
 * Bytes to lines: LF or CRLF, any chunk borders, a last line without its line end.
 *
 * Pure and streaming; what it holds between two chunks is the beginning of one line, at most
 * `LINE_BYTES_MAX`. Bytes that are not UTF-8 become U+FFFD and the line is offered all the same.
 */

import { Line } from "./line.ts";

/** A longer line is not kept; it is reported and skipped. */
export const LINE_BYTES_MAX = 1 << 20;

/** Text of so much is made at once: fast, and the strings that lines are slices of stay small. */
const BLOCK_BYTES = 1 << 16;
const LF = 0x0a;
const CR = 0x0d;

/** The line tells of itself during the call only. */
export type OnLine = (line: Line) => void;
export type OnProblem = (number: number, reason: string) => void;

export class LineReader {
  /** Lines seen so far, skipped ones included. */
  lines = 0;
  /** Bytes up to the end of the last whole line. */
  offset = 0;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  readonly #line = new Line();

  push(chunk: Uint8Array, onLine: OnLine, onProblem: OnProblem): void {
    let from = 0;
    if (this.#heldBytes > 0) {
      const end = chunk.indexOf(LF);
      if (end < 0) {
        this.#hold(chunk);
        return;
      }
      this.#hold(chunk.subarray(0, end + 1));
      this.#offerHeld(onLine, onProblem);
      from = end + 1;
    }
    while (from < chunk.length) {
      const to = chunk.lastIndexOf(LF, Math.min(from + BLOCK_BYTES, chunk.length) - 1);
      const end = to >= from ? to : chunk.indexOf(LF, from);
      if (end < 0) {
        this.#hold(chunk.subarray(from));
        return;
      }
      this.#offerBlock(chunk.subarray(from, end + 1), onLine, onProblem);
      from = end + 1;
    }
  }

  /** The content ended: offers what stands behind the last line end, if anything does. */
  end(onLine: OnLine, onProblem: OnProblem): void {
    if (this.#heldBytes > 0) this.#offerHeld(onLine, onProblem);
  }

  /** Keeps the beginning of a line; of one that is too long only how long it is. */
  #hold(part: Uint8Array): void {
    this.#heldBytes += part.length;
    if (this.#heldBytes > LINE_BYTES_MAX + 2) this.#held = [];
    else this.#held.push(part.slice());
  }

  #offerHeld(onLine: OnLine, onProblem: OnProblem): void {
    const bytes = this.#heldBytes;
    const parts = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    if (bytes > LINE_BYTES_MAX + 2) {
      this.#skip(bytes, onProblem);
      return;
    }
    const line = new Uint8Array(bytes);
    let at = 0;
    for (const part of parts) {
      line.set(part, at);
      at += part.length;
    }
    this.#line.startBlock(line);
    this.#offer(0, line.length, onLine, onProblem);
  }

  /** Whole lines: the last one ends where the block does. */
  #offerBlock(block: Uint8Array, onLine: OnLine, onProblem: OnProblem): void {
    // A plain array, whatever kind the chunk is: code that meets one kind of array alone runs faster.
    this.#line.startBlock(new Uint8Array(block.buffer, block.byteOffset, block.length));
    for (let from = 0; from < block.length; ) {
      const end = block.indexOf(LF, from) + 1;
      this.#offer(from, end, onLine, onProblem);
      from = end;
    }
  }

  /** The line that lies at `from` of the block, its line end included in what lies before `end`. */
  #offer(from: number, end: number, onLine: OnLine, onProblem: OnProblem): void {
    const line = this.#line;
    const { bytes } = line;
    let to = end;
    if (to > from && bytes[to - 1] === LF) to--;
    if (to > from && bytes[to - 1] === CR) to--;
    if (to - from > LINE_BYTES_MAX) {
      this.#skip(end - from, onProblem);
      return;
    }
    this.offset += end - from;
    this.lines++;
    line.number = this.lines;
    line.from = this.lines === 1 && startsWithMark(bytes, from, to) ? from + 3 : from;
    line.to = to;
    onLine(line);
  }

  #skip(bytes: number, onProblem: OnProblem): void {
    this.offset += bytes;
    this.lines++;
    onProblem(this.lines, `line ${this.lines} is longer than 1 MiB`);
  }
}

/** A byte order mark is no part of the first line. */
function startsWithMark(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from >= 3 && bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf;
}
