import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Line } from "./line.ts";
import { LINE_BYTES_MAX, LineReader } from "./line-reader.ts";

const test = suite("LineReader");
const bytes = (text: string) => new TextEncoder().encode(text);

interface Read {
  lines: [string, number, number][];
  problems: [number, string][];
}

function read(content: Uint8Array, chunkBytes: number): Read {
  const result: Read = { lines: [], problems: [] };
  const reader = new LineReader();
  const onLine = ({ text, number }: Line) => void result.lines.push([text, number, reader.offset]);
  const onProblem = (number: number, reason: string) => void result.problems.push([number, reason]);
  for (let at = 0; at < content.length; at += chunkBytes)
    reader.push(content.subarray(at, at + chunkBytes), onLine, onProblem);
  reader.end(onLine, onProblem);
  return result;
}

test("gives the same lines and offsets wherever the chunks are cut", () => {
  const content = bytes("one\ntwo\r\n\n  янв 13 ☃ 𝄞\r\nno end");
  const whole = read(content, content.length);
  assert.equal(whole.lines, [
    ["one", 1, 4],
    ["two", 2, 9],
    ["", 3, 10],
    ["  янв 13 ☃ 𝄞", 4, 32],
    ["no end", 5, 38],
  ]);
  for (let size = 1; size < content.length; size++) assert.equal(read(content, size), whole, `chunks of ${size}`);
});

test("an empty content has no line, a lone line end has one", () => {
  assert.equal(read(bytes(""), 1).lines, []);
  assert.equal(read(bytes("\n"), 1).lines, [["", 1, 1]]);
});

test("offers bytes that are not UTF-8, keeps NUL, drops a byte order mark", () => {
  const content = new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0x0a, 0x62, 0xff, 0xe2, 0x82, 0x0a, 0x00, 0x63, 0x0a]);
  for (const size of [1, 5, 100])
    assert.equal(read(content, size).lines, [
      ["a", 1, 5],
      ["b\ufffd\ufffd", 2, 10],
      ["\0c", 3, 13],
    ]);
});

test("a line over the limit is named and skipped, one at the limit is kept", () => {
  const content = bytes(`a\n${"x".repeat(LINE_BYTES_MAX + 1)}\n${"y".repeat(LINE_BYTES_MAX)}\r\nz\n`);
  for (const size of [content.length, 1 << 16, 999_983]) {
    const { lines, problems } = read(content, size);
    assert.equal(problems, [[2, "line 2 is longer than 1 MiB"]]);
    assert.equal(
      lines.map(([text, number]) => [text.length, number]),
      [
        [1, 1],
        [LINE_BYTES_MAX, 3],
        [1, 4],
      ],
    );
    assert.is(lines.at(-1)?.[2], content.length);
  }
  assert.equal(read(bytes("x".repeat(LINE_BYTES_MAX + 9)), 4096).problems.length, 1);
});

test.run();
