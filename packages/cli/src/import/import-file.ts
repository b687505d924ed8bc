/** One file into the journal: detect, decode, record; resumable at every flush. */
import { createHash } from "node:crypto";
import {
  type Decoder,
  decoderOf,
  detect,
  type FactSink,
  type FormatName,
  type Line,
  LineReader,
} from "@ioasis/capture";
import { type Fact, IoasisError } from "@ioasis/core";
import { type DriftReport, FactRecorder, type Journal, newImportId } from "@ioasis/store";
import { type Content, headOf } from "../content.ts";
import { contextNaming } from "./context-naming.ts";
import { findKnownImport } from "./file-identity.ts";
import type { Pace } from "./pace.ts";
import { type FileReport, PROBLEMS_LISTED_MAX } from "./report.ts";
import { readsTheSame, SettledTally } from "./settled-facts.ts";

const HEAD_BYTES = 256 * 1024;

export interface ImportOptions {
  readonly format: FormatName | "auto";
  readonly context: string | undefined;
  readonly pace: Pace | null;
  readonly onDrift: (drift: DriftReport) => void;
  /** Called after every flush with the lines read so far. */
  readonly onProgress: (report: FileReport) => void;
  readonly signal: AbortSignal;
}

/** @throws IoasisError ERR_INPUT when nothing of the file can be read as the format, and as `Journal.append` */
export async function importFile(
  journal: Journal,
  file: string,
  content: Content,
  options: ImportOptions,
): Promise<FileReport> {
  const format = await chooseFormat(file, content, options.format);
  let known = await findKnownImport(journal, content);
  const hasForked = known !== null && !(await readsTheSame(content, format, known));
  const before = [...(known?.contexts.values() ?? [])].join(", ");
  if (hasForked) known = null;
  const report: FileReport = {
    file,
    format,
    lines: 0,
    recognised: 0,
    unread: 0,
    events: 0,
    known: 0,
    faults: 0,
    lost: 0,
    problems: [],
    problemsTotal: 0,
    contexts: [],
  };
  const name = contextNaming(journal, file, options.context, known);
  const contexts = new Set<string>(known?.contexts.values() ?? []);
  const recorder = new FactRecorder(journal, {
    id: known?.id ?? newImportId(),
    file,
    format,
    nameOf: (key, ordinal) => {
      const chosen = name(key, ordinal);
      contexts.add(chosen);
      return chosen;
    },
    known: known?.facts ?? (() => 0),
    refsAreHandles: format === "jsonl",
    onDrift: options.onDrift,
    onProblem: (line, reason) => {
      report.unread++;
      noteProblem(report, line, reason);
    },
  });
  await feed(recorder, decoderOf(format), content, report, options);
  if (hasForked)
    noteProblem(
      report,
      report.lines,
      `the beginning of this file was imported before as ${before}, but its end there reads otherwise here: it has a context of its own`,
    );
  const short = content.cutShort();
  if (short !== null) noteProblem(report, report.lines + 1, short);
  report.recognised = report.lines - report.unread;
  report.contexts.push(...contexts);
  return report;
}

async function chooseFormat(file: string, content: Content, asked: FormatName | "auto"): Promise<FormatName> {
  const head = await headOf(content, HEAD_BYTES);
  const short = content.cutShort();
  if (head.length === 0 && short !== null) throw new IoasisError("ERR_INPUT", `${file}: ${short}`, { file });
  const detected = detect(head, file);
  if (asked !== "auto" && !("refusal" in detected && detected.isHopeless)) return asked;
  if ("format" in detected) return detected.format;
  throw new IoasisError("ERR_INPUT", `${file}: ${detected.refusal}`, { file });
}

async function feed(
  recorder: FactRecorder,
  decoder: Decoder,
  content: Content,
  report: FileReport,
  { pace, onProgress, signal }: ImportOptions,
): Promise<void> {
  const sink = reportingSink(recorder, report, pace);
  const position = new ContentPosition();
  const reader = new LineReader();
  const onLine = (line: Line): void => {
    report.lines = line.number;
    try {
      decoder.line(line, sink);
    } catch (error) {
      // The door of the domain (`iova`, `byteLength`) does not take every number that a broken line can hold.
      if (!(error instanceof RangeError)) throw error;
      sink.problem(line.number, `a number is out of range: ${error.message}`);
    }
  };
  const onProblem = (line: number, reason: string): void => {
    report.lines = line;
    report.unread++;
    noteProblem(report, line, reason);
  };
  const flush = async (): Promise<void> => {
    await recorder.flush(position.offset, position.sha256());
    report.events = recorder.events;
    report.known = recorder.knownFacts;
    onProgress(report);
  };
  for await (const chunk of content.chunks()) {
    for (const part of pace === null ? [chunk] : lineParts(chunk)) {
      reader.push(part, onLine, onProblem);
      position.advance(part);
      if (pace?.isAhead()) {
        await flush();
        await pace.wait(signal);
      }
      if (signal.aborted) break;
    }
    if (recorder.wantsFlush || signal.aborted) await flush();
    if (signal.aborted)
      throw new IoasisError(
        "ERR_INTERRUPTED",
        `${report.file}: interrupted at line ${report.lines}: import it again to go on`,
        {
          file: report.file,
          line: report.lines,
        },
      );
  }
  reader.end(onLine, onProblem);
  const settled = new SettledTally();
  decoder.end({
    ...sink,
    fact(fact) {
      settled.add(fact);
      sink.fact(fact);
    },
  });
  position.finish();
  if (report.lines > 0 && report.unread >= report.lines && recorder.events + recorder.knownFacts === 0)
    throw new IoasisError(
      "ERR_INPUT",
      `${report.file}: not one of its ${report.lines} lines is a ${report.format} record (line ${report.problems[0]?.line}: ${report.problems[0]?.reason}): leave --format away or give another`,
      { file: report.file },
    );
  await recorder.finish(position.offset, position.sha256(), settled.value());
  report.events = recorder.events;
  report.known = recorder.knownFacts;
}

function reportingSink(recorder: FactRecorder, report: FileReport, pace: Pace | null): FactSink {
  return {
    fact(fact: Fact): void {
      if (fact.event.type === "FaultReported") report.faults++;
      else if (fact.event.type === "EventsLost") report.lost += fact.event.count ?? 1;
      pace?.see(fact.stamp);
      recorder.fact(fact);
    },
    problem: (line, reason, isRecord = false) => {
      if (!isRecord) report.unread++;
      noteProblem(report, line, reason);
    },
  };
}

function noteProblem(report: FileReport, line: number, reason: string): void {
  report.problemsTotal++;
  if (report.problems.length < PROBLEMS_LISTED_MAX) report.problems.push({ line, reason });
}

/** Offset and running hash of the content up to its last complete line. */
class ContentPosition {
  offset = 0;
  readonly #hash = createHash("sha256");
  #tail: Uint8Array[] = [];

  advance(chunk: Uint8Array): void {
    const cut = chunk.lastIndexOf(0x0a) + 1;
    if (cut > 0) {
      for (const part of [...this.#tail, chunk.subarray(0, cut)]) this.#take(part);
      this.#tail = [];
    }
    if (cut < chunk.length) this.#tail.push(chunk.slice(cut));
  }

  finish(): void {
    for (const part of this.#tail) this.#take(part);
    this.#tail = [];
  }

  sha256(): string {
    return this.#hash.copy().digest("hex");
  }

  #take(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.offset += bytes.length;
  }
}

/** The chunk cut after each line: playing at a pace waits between lines. */
function* lineParts(chunk: Uint8Array): Generator<Uint8Array> {
  let from = 0;
  while (from < chunk.length) {
    const end = chunk.indexOf(0x0a, from);
    const to = end < 0 ? chunk.length : end + 1;
    yield chunk.subarray(from, to);
    from = to;
  }
}
