/**
 * Bytes to lines: LF or CRLF, any chunk borders, a last line without its line end.
 *
 * Pure and streaming; what it holds between two chunks is the beginning of one line, at most
 * `LINE_BYTES_MAX`. Bytes that are not UTF-8 become U+FFFD and the line is offered all the same.
 */

/** A longer line is not kept; it is reported and skipped. */
export const LINE_BYTES_MAX = 1 << 20;

/** Decoding this much at once is fast and keeps the strings that lines are slices of small. */
const BLOCK_BYTES = 1 << 16;
const LF = 0x0a;
const CR = 0x0d;

/** `number` is 1-based; `offset`: bytes of the content up to and including this line's end. */
export type OnLine = (text: string, number: number, offset: number) => void;
export type OnProblem = (number: number, reason: string) => void;

export class LineReader {
  /** Lines seen so far, skipped ones included. */
  lines = 0;
  /** Bytes up to the end of the last whole line. */
  offset = 0;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

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
    this.#offerLine(line, onLine, onProblem);
  }

  /** Whole lines. One decoding for all of them where every byte became one character. */
  #offerBlock(block: Uint8Array, onLine: OnLine, onProblem: OnProblem): void {
    const text = block.length <= LINE_BYTES_MAX ? this.#decoder.decode(block) : "";
    if (text.length !== block.length) {
      this.#offerEach(block, onLine, onProblem);
      return;
    }
    const start = this.offset;
    for (let from = 0; from < text.length; ) {
      const end = text.indexOf("\n", from);
      const to = end > from && text.charCodeAt(end - 1) === CR ? end - 1 : end;
      this.offset = start + end + 1;
      this.lines++;
      onLine(this.#withoutMark(text.slice(from, to)), this.lines, this.offset);
      from = end + 1;
    }
  }

  #offerEach(block: Uint8Array, onLine: OnLine, onProblem: OnProblem): void {
    for (let from = 0; from < block.length; ) {
      const end = block.indexOf(LF, from) + 1;
      this.#offerLine(block.subarray(from, end), onLine, onProblem);
      from = end;
    }
  }

  #offerLine(line: Uint8Array, onLine: OnLine, onProblem: OnProblem): void {
    let length = line.length;
    if (line[length - 1] === LF) length--;
    if (length > 0 && line[length - 1] === CR) length--;
    if (length > LINE_BYTES_MAX) {
      this.#skip(line.length, onProblem);
      return;
    }
    this.offset += line.length;
    this.lines++;
    onLine(this.#withoutMark(this.#decoder.decode(line.subarray(0, length))), this.lines, this.offset);
  }

  #skip(bytes: number, onProblem: OnProblem): void {
    this.offset += bytes;
    this.lines++;
    onProblem(this.lines, `line ${this.lines} is longer than 1 MiB`);
  }

  /** A byte order mark is no part of the first line. */
  #withoutMark(text: string): string {
    return this.lines === 1 && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}
