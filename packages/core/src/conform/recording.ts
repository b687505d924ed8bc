/** A file of recorded kernel calls: a meta line, then one call a line, in order. */
import { IoasisError } from "../failure.ts";
import { Fields } from "./fields.ts";

/** One call. */
export interface Step {
  /** Of the file, from 1. */
  readonly line: number;
  readonly i: number;
  readonly op: string;
  readonly in: Fields;
  /** 0 or the name of the errno. */
  readonly errno: string | 0;
  /** As recorded: what the kernel wrote. */
  readonly out: Readonly<Record<string, unknown>>;
}

export interface Recording {
  readonly meta: Fields;
  readonly steps: readonly Step[];
}

const STEPS_MAX = 1_000_000;

/** @throws IoasisError ERR_INPUT when a line is not what it should be; `at.line` counts from 1 */
export function readRecording(lines: Iterable<string>): Recording {
  let meta: Fields | null = null;
  const steps: Step[] = [];
  let line = 0;
  for (const text of lines) {
    line++;
    if (text.trim() === "") continue;
    const record = parse(text, line);
    if (meta === null) meta = metaOf(record, line);
    else steps.push(stepOf(record, line));
    if (steps.length > STEPS_MAX) throw broken(line, `more than ${STEPS_MAX} calls: split the file`);
  }
  if (meta === null) throw broken(1, "the file is empty: a recording of kernel calls begins with a meta line");
  return { meta, steps };
}

function parse(text: string, line: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw broken(line, "the line is no JSON: recorded kernel calls are one JSON object a line", cause);
  }
  if (!isRecord(value)) throw broken(line, "the line is no JSON object");
  return value;
}

function metaOf(record: Readonly<Record<string, unknown>>, line: number): Fields {
  const { meta } = record;
  if (!isRecord(meta)) throw broken(line, 'the first line has no "meta": this is no recording of kernel calls');
  return new Fields(meta, () => "the meta line", line);
}

function stepOf(record: Readonly<Record<string, unknown>>, line: number): Step {
  const { i, op, in: given, errno, out } = record;
  if (typeof op !== "string") throw broken(line, 'the call has no "op"');
  if (typeof i !== "number" || !Number.isSafeInteger(i)) throw broken(line, `${op} has no number "i"`);
  if (!isRecord(given) || !isRecord(out)) throw broken(line, `${op} (step ${i}) lacks "in" or "out"`);
  if (errno !== 0 && typeof errno !== "string") throw broken(line, `${op} (step ${i}) has no errno`);
  return { line, i, op, in: new Fields(given, () => `${op} (step ${i})`, line), errno, out };
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function broken(line: number, message: string, cause?: unknown): IoasisError {
  return new IoasisError("ERR_INPUT", message, { line }, { cause });
}
