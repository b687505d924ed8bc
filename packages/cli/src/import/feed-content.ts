/** What was decoded of a content into a recorder, pack by pack. */
import { type Fact, IoasisError, type RangeFact } from "@ioasis/core";
import type { FactRecorder } from "@ioasis/store";
import { type FactPack, readPack } from "./fact-pack.ts";
import type { ImportOptions } from "./import-file.ts";
import { checkInterrupt } from "./interruption.ts";
import { type FileReport, noteProblem } from "./report.ts";

/**
 * Feeds all packs. While the rows of some are written, the next are read.
 * @throws IoasisError ERR_INPUT when no line is a record, ERR_INTERRUPTED, and as `Journal.append`
 */
export async function feedContent(
  recorder: FactRecorder,
  packs: AsyncIterable<FactPack>,
  report: FileReport,
  { pace, onProgress, signal }: Pick<ImportOptions, "pace" | "onProgress" | "signal">,
): Promise<void> {
  const onFact = (fact: Fact): void => {
    if (fact.event.type === "FaultReported") report.faults++;
    else if (fact.event.type === "EventsLost") report.lost += fact.event.count ?? 1;
    pace?.see(fact.stamp);
    recorder.fact(fact);
  };
  const onRange = (range: RangeFact): void => {
    pace?.see(range.stamp);
    recorder.range(range);
  };
  let flushing = Promise.resolve();
  const flush = async ({ offset, sha256 }: FactPack): Promise<void> => {
    await flushing;
    flushing = recorder.flush(offset, sha256);
    // Told when it is waited for, at the latest at the end.
    flushing.catch(() => undefined);
  };
  for await (const pack of packs) {
    report.lines = pack.lines;
    noteProblems(report, pack);
    readPack(pack, onFact, onRange);
    if (pack.end !== null) {
      await flushing;
      await finish(recorder, report, pack.offset, pack.sha256, pack.end);
      return;
    }
    if (pace?.isAhead()) {
      await flush(pack);
      await pace.wait(signal);
    }
    if (recorder.wantsFlush || signal.aborted) await flush(pack);
    if (signal.aborted) await flushing;
    checkInterrupt(signal, report.file, report.lines);
    onProgress({ takenBytes: pack.takenBytes, lines: report.lines, events: recorder.durableEvents });
  }
}

function noteProblems(report: FileReport, { problems }: FactPack): void {
  for (const { line, reason, isRecord } of problems) {
    if (!isRecord) report.unread++;
    noteProblem(report, line, reason);
  }
}

async function finish(
  recorder: FactRecorder,
  report: FileReport,
  offset: number,
  sha256: string,
  { settled, cutShort }: NonNullable<FactPack["end"]>,
): Promise<void> {
  if (report.lines > 0 && report.unread >= report.lines && recorder.events + recorder.knownFacts === 0)
    throw new IoasisError(
      "ERR_INPUT",
      `${report.file}: not one of its ${report.lines} lines is a ${report.format} record (line ${report.problems[0]?.line}: ${report.problems[0]?.reason}): leave --format away or give another`,
      { file: report.file },
    );
  await recorder.finish(offset, sha256, settled);
  report.events = recorder.events;
  report.known = recorder.knownFacts;
  if (cutShort !== null) noteProblem(report, report.lines + 1, cutShort);
}
