/** Recordings that several bpftrace processes made of one boot, as one content in order of time. */
import { LineReader, type MergedLine, mergeBpftrace } from "@ioasis/capture";
import { IoasisError } from "@ioasis/core";
import { type Content, openContent } from "../content.ts";

/** All lines are held in memory to be sorted. */
const LINES_MAX = 4_000_000;
const LINES_A_CHUNK = 2_000;

export interface JoinedContent {
  readonly content: Content;
  /** The file and line that a line of the joined content came from. */
  readonly originOf: (line: number) => { readonly file: string; readonly line: number } | null;
}

/** @throws IoasisError ERR_INPUT for a file that cannot be read or is damaged, ERR_LIMIT for too many lines */
export async function joinedContent(files: readonly string[]): Promise<JoinedContent> {
  const read: { readonly file: string; readonly lines: readonly string[] }[] = [];
  for (const file of files) read.push({ file, lines: await linesOf(file) });
  // The recorder of the calls comes first: at equal times its line precedes those of the page tables.
  read.sort((a, b) => Number(hasCalls(b.lines)) - Number(hasCalls(a.lines)));
  const merged: readonly MergedLine[] = mergeBpftrace(read.map(({ lines }) => lines));
  if (merged.length > LINES_MAX)
    throw new IoasisError(
      "ERR_LIMIT",
      `${files.join(", ")}: ${merged.length} lines are too many to join (${LINES_MAX})`,
    );
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < merged.length; at += LINES_A_CHUNK)
      yield Buffer.from(
        merged
          .slice(at, at + LINES_A_CHUNK)
          .map(({ text }) => `${text}\n`)
          .join(""),
      );
  }
  const originOf = (line: number) => {
    const from = merged[line - 1];
    return from === undefined ? null : { file: read[from.file]?.file ?? "", line: from.number };
  };
  return { content: { chunks, fileBytes: null, takenBytes: () => 0, cutShort: () => null }, originOf };
}

async function linesOf(file: string): Promise<string[]> {
  const content = await openContent(file);
  const lines: string[] = [];
  const reader = new LineReader();
  const refuse = (line: number, reason: string): never => {
    throw new IoasisError("ERR_INPUT", `${file}: line ${line}: ${reason}: import the files without --join`, {
      file,
      line,
    });
  };
  for await (const chunk of content.chunks()) reader.push(chunk, ({ text }) => lines.push(text), refuse);
  reader.end(({ text }) => lines.push(text), refuse);
  const short = content.cutShort();
  if (short !== null) refuse(lines.length + 1, short);
  return lines;
}

function hasCalls(lines: readonly string[]): boolean {
  return lines.some((line) => line.includes('"ev":"ioctl"'));
}
