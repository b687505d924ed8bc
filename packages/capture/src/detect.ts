/** Which format a file has, by its first lines; or what else it is. */
import type { FormatName } from "./decoder.ts";
import { FORMAT_TABLE } from "./formats.ts";
import { OTHER_KINDS } from "./other-kinds.ts";

export type Detection =
  | { readonly format: FormatName }
  /** `isHopeless`: no decoder can find a line in it, whichever is asked for. */
  | { readonly refusal: string; readonly isHopeless: boolean };

/** So many lines, taken from all over the head, decide. */
const LINES_LOOKED_AT = 600;
const LINE_LENGTH_MAX = 4_096;
/** Of the lines that are not blank, the part that a format must like. */
const SHARE_MIN = 0.2;
const BINARY_LOOK_BYTES = 8_192;

/**
 * `head`: the first 256 KiB or so of the content, already gunzipped. `name`: of the file; a hint only.
 */
export function detect(head: Uint8Array, name: string): Detection {
  if (head.length === 0) return hopeless("the file is empty");
  const packed = packedKind(head);
  if (packed !== null) return hopeless(packed);
  const text = new TextDecoder().decode(head);
  if (head.subarray(0, BINARY_LOOK_BYTES).includes(0)) {
    // A log may have been damaged in the middle: its other lines are still worth having.
    const found = byLines(sample(text), text, name);
    return "format" in found ? found : hopeless("a binary file, not a log");
  }
  if (text.trim() === "") return hopeless("the file holds blank lines only");
  const other = OTHER_KINDS.find((kind) => kind.head?.test(text.slice(0, LINE_LENGTH_MAX)));
  if (other !== undefined) return refused(other.words);
  return byLines(sample(text), text, name);
}

function byLines(lines: readonly string[], text: string, name: string): Detection {
  const counts = new Map<FormatName, number>();
  for (const format of Object.keys(FORMAT_TABLE) as FormatName[])
    counts.set(format, count(lines, FORMAT_TABLE[format].looksLike));
  const { format, liked } = bestOf(counts);
  let otherWords: string | null = null;
  let otherLiked = liked;
  for (const { line, words } of OTHER_KINDS) {
    const lineCount = line === undefined ? 0 : count(lines, line);
    if (lineCount <= otherLiked) continue;
    otherLiked = lineCount;
    otherWords = words;
  }
  if (otherWords !== null && otherLiked >= lines.length * SHARE_MIN) return refused(otherWords);
  if (liked >= lines.length * SHARE_MIN) return { format };
  return refused(jsonKind(text) ?? (/\.(?:md|rst)$/.test(name) ? "documentation" : null));
}

/**
 * The format that likes most lines, the first of equals. Two are special cases of ftrace's layout
 * and like only their own records in it: one such record tells kprobes, half of them trace-cmd.
 */
function bestOf(counts: ReadonlyMap<FormatName, number>): { readonly format: FormatName; readonly liked: number } {
  let format: FormatName = "vectors";
  let liked = 0;
  for (const [name, count] of counts)
    if (count > liked) {
      format = name;
      liked = count;
    }
  if (format !== "ftrace") return { format, liked };
  if ((counts.get("trace-cmd") ?? 0) * 2 >= liked) return { format: "trace-cmd", liked };
  return { format: (counts.get("kprobe") ?? 0) > 0 ? "kprobe" : "ftrace", liked };
}

function count(lines: readonly string[], looksLike: (line: string) => boolean): number {
  let liked = 0;
  for (const line of lines) if (looksLike(line)) liked++;
  return liked;
}

/** Lines that are not blank, evenly from all over `text`; the last one, which may be cut, counts. */
function sample(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const step = Math.max(1, Math.ceil(lines.length / LINES_LOOKED_AT));
  return lines.filter((_, i) => i % step === 0).map((line) => line.slice(0, LINE_LENGTH_MAX));
}

/** Null: text. */
function packedKind(head: Uint8Array): string | null {
  const start = String.fromCharCode(...head.subarray(0, 12));
  if (start.startsWith("\x17\x08\x44tracing"))
    return "a binary trace-cmd file (trace.dat): run `trace-cmd report` first";
  if (start.startsWith("PERFILE2")) return "a binary perf.data file: run `perf script` first";
  if (start.startsWith("\x28\xb5\x2f\xfd")) return "compressed by zstd: unpack it first (gzip is read as it is)";
  if (start.startsWith("\xfd7zXZ")) return "compressed by xz: unpack it first (gzip is read as it is)";
  if (start.startsWith("BZh")) return "compressed by bzip2: unpack it first (gzip is read as it is)";
  if (start.startsWith("\xff\xfe") || start.startsWith("\xfe\xff")) return "UTF-16 text: convert it to UTF-8 first";
  return null;
}

function jsonKind(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null;
  return /"(?:MIGRATION|STOP|RESUME|SHUTDOWN)"/.test(text) ? "QMP events (JSON)" : "JSON, but no recording";
}

function hopeless(refusal: string): Detection {
  return { refusal, isHopeless: true };
}

function refused(words: string | null): Detection {
  const refusal = words === null ? "no line of a format that ioasis reads was found in it" : `this is ${words}`;
  return { refusal, isHopeless: false };
}
