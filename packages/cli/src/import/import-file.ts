/** One file into the journal: detect, decode, record; resumable at every flush. */
import { detect, type FormatName } from "@ioasis/capture";
import { IoasisError } from "@ioasis/core";
import { type DriftReport, FactRecorder, type Journal, newImportId } from "@ioasis/store";
import { type Content, headOf } from "../content.ts";
import { contextNaming } from "./context-naming.ts";
import { decodedContent } from "./decoded-content.ts";
import type { FactPack } from "./fact-pack.ts";
import { feedContent } from "./feed-content.ts";
import { findKnownImport } from "./file-identity.ts";
import { checkInterrupt } from "./interruption.ts";
import type { Pace } from "./pace.ts";
import { type FileReport, noteProblem } from "./report.ts";
import { readsTheSame } from "./settled-facts.ts";

const HEAD_BYTES = 256 * 1024;

/** How far an import is. */
export interface ImportProgress {
  /** As `Content.takenBytes`. */
  readonly takenBytes: number;
  readonly lines: number;
  /** Events of this import that are durable. */
  readonly events: number;
}

export interface ImportOptions {
  readonly format: FormatName | "auto";
  readonly context: string | undefined;
  readonly pace: Pace | null;
  readonly onDrift: (drift: DriftReport) => void;
  /** Called after every chunk; before the first line is decoded, of what is looked at to find the known beginning. */
  readonly onProgress: (progress: ImportProgress) => void;
  readonly signal: AbortSignal;
  /** Decodes the file elsewhere; absent: here. */
  readonly decode?: (file: string, format: FormatName) => AsyncIterable<FactPack>;
}

/**
 * @throws IoasisError ERR_INPUT when nothing of the file can be read as the format, ERR_INTERRUPTED, and as
 *   `Journal.append`
 */
export async function importFile(
  journal: Journal,
  file: string,
  content: Content,
  options: ImportOptions,
): Promise<FileReport> {
  const format = await chooseFormat(file, content, options.format);
  const onLookedAt = (): void => {
    checkInterrupt(options.signal, file, 0);
    options.onProgress({ takenBytes: content.takenBytes(), lines: 0, events: 0 });
  };
  let known = await findKnownImport(journal, content, onLookedAt);
  const hasForked = known !== null && !(await readsTheSame(content, format, known, onLookedAt));
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
  const packs = options.decode?.(file, format) ?? decodedContent(content, format, options.pace !== null);
  await feedContent(recorder, packs, report, options);
  if (hasForked)
    noteProblem(
      report,
      report.lines,
      `the beginning of this file was imported before as ${before}, but its end there reads otherwise here: it has a context of its own`,
    );
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
