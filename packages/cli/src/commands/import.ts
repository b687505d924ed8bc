import os from "node:os";
import { FORMATS, type FormatName } from "@ioasis/capture";
import { IoasisError } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { type Command, Option } from "commander";
import { answer, command, positiveNumber, run, type Shell } from "../command.ts";
import { openContent } from "../content.ts";
import { tellFailure } from "../failure-exit.ts";
import { importText } from "../format/import-text.ts";
import type { Progress } from "../format/progress-text.ts";
import { decodedElsewhere } from "../import/decoder-thread.ts";
import { type ImportOptions, type ImportProgress, importFile } from "../import/import-file.ts";
import { type JoinedContent, joinedContent } from "../import/joined-content.ts";
import { Pace } from "../import/pace.ts";
import { DRIFT_LISTED_MAX, type FileReport, type ImportReport } from "../import/report.ts";
import { withJournal } from "../journal-choice.ts";
import { ProgressReport } from "../progress.ts";
import type { ContextOptions, ExitCode, World } from "../world.ts";

/** A file of so much is worth a thread of its own. */
const THREAD_FILE_BYTES_MIN = 8 * 1024 * 1024;

interface Options extends ContextOptions {
  readonly format: FormatName | "auto";
  readonly pace?: number;
  readonly join?: boolean;
}

export function importCommand(shell: Shell): Command {
  return command("import FILE... [options]", "Put recordings into the journal")
    .argument("<file...>", "trace, log or vectors; gzipped files are read as they are")
    .addOption(new Option("--format <name>", "what the files are").choices(["auto", ...FORMATS]).default("auto"))
    .option("--context <name>", "name of the context, or the one to continue")
    .option("--pace <n>", "play at N times the recorded speed", positiveNumber)
    .option("--join", "the files are bpftrace recordings of one boot: bring them into one order of time")
    .action((files: string[], options: Options) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "write", (journal) => importFiles(shell.world, journal, files, given)),
      ),
    );
}

async function importFiles(
  world: World,
  journal: Journal,
  files: readonly string[],
  options: Options,
): Promise<ExitCode> {
  const report: ImportReport = { files: [], contexts: [], drift: [], driftTotal: 0 };
  let failure: IoasisError | null = null;
  // Joined files are one recording, named after the first of them.
  for (const file of options.join === true ? files.slice(0, 1) : files) {
    const progress = new ProgressReport(world);
    const importOptions: Omit<ImportOptions, "onProgress" | "decode"> = {
      format: options.format,
      context: options.context,
      pace: options.pace === undefined ? null : new Pace(options.pace),
      onDrift: (drift) => {
        report.driftTotal++;
        if (report.drift.length < DRIFT_LISTED_MAX) report.drift.push(drift);
      },
      signal: world.signal,
    };
    try {
      const joined = options.join === true ? await joinedContent(files) : null;
      const content = joined?.content ?? (await openContent(file));
      const { fileBytes } = content;
      const found = await importFile(journal, file, content, {
        ...importOptions,
        ...(joined === null ? threadFor(world, fileBytes, options) : {}),
        onProgress: (state) => progress.show(() => progressOf(file, fileBytes, state)),
      });
      report.files.push(joined === null ? found : withOrigins(found, joined));
    } catch (error) {
      if (files.length === 1 || !isAboutTheFile(error)) throw error;
      progress.clear();
      // The other files are still worth having; this one is told at once and in the exit code.
      tellFailure(world, error, false);
      failure ??=
        error instanceof IoasisError ? error : new IoasisError("ERR_INPUT", `${file}: ${String(error)}`, { file });
    } finally {
      progress.clear();
    }
  }
  const touched = new Set(report.files.flatMap(({ contexts }) => contexts));
  for (const name of touched)
    report.contexts.push({ context: name, versions: journal.context(name)?.head.version ?? 0 });
  const error = failure === null ? {} : { error: { code: failure.code, message: failure.message, at: failure.at } };
  answer(world, options, { ...report, ...error }, () => importText(report));
  return failure === null ? 0 : 2;
}

/** A thread that decodes takes its time to start; at a pace, decoding is not what takes the time. */
function threadFor(
  { decodeWorker }: World,
  fileBytes: number | null,
  { pace }: Options,
): Pick<ImportOptions, "decode"> {
  if (decodeWorker === undefined || pace !== undefined) return {};
  if ((fileBytes ?? 0) < THREAD_FILE_BYTES_MIN || os.availableParallelism() < 2) return {};
  return { decode: (file, format) => decodedElsewhere(decodeWorker, { file, format }) };
}

function progressOf(
  file: string,
  fileBytes: number | null,
  { takenBytes, lines, events }: ImportProgress,
): Omit<Progress, "seconds"> {
  const counts =
    lines === 0
      ? []
      : [
          { count: lines, unit: "lines" },
          { count: events, unit: "events" },
        ];
  return {
    label: lines === 0 ? `${file}, looking for what is known of it` : file,
    bytes: takenBytes,
    bytesTotal: fileBytes,
    counts,
  };
}

/** Problems of a joined recording, told by the file and line that they come from. */
function withOrigins(report: FileReport, { originOf }: JoinedContent): FileReport {
  const problems = report.problems.map(({ line, reason }) => {
    const origin = originOf(line);
    return origin === null ? { line, reason } : { line: origin.line, reason: `${origin.file}: ${reason}` };
  });
  return { ...report, problems };
}

function isAboutTheFile(error: unknown): boolean {
  if (error instanceof IoasisError) return error.code === "ERR_INPUT";
  return error instanceof Error && "code" in error && "path" in error;
}
