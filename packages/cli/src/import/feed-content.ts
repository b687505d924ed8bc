/** The lines of a content into a recorder, block by block. */
import { type Decoder, type FactSink, type Line, LineReader } from "@ioasis/capture";
import { type Fact, IoasisError, type RangeFact } from "@ioasis/core";
import type { FactRecorder } from "@ioasis/store";
import type { Content } from "../content.ts";
import { ContentPosition } from "./content-position.ts";
import type { ImportOptions } from "./import-file.ts";
import { checkInterrupt } from "./interruption.ts";
import type { Pace } from "./pace.ts";
import { type FileReport, noteProblem } from "./report.ts";
import { SettledTally } from "./settled-facts.ts";

/**
 * Feeds the whole content. While a block of rows is written, the next one is decoded.
 * @throws IoasisError ERR_INPUT when no line is a record, ERR_INTERRUPTED, and as `Journal.append`
 */
export async function feedContent(
  recorder: FactRecorder,
  decoder: Decoder,
  content: Content,
  report: FileReport,
  { pace, onProgress, signal }: Pick<ImportOptions, "pace" | "onProgress" | "signal">,
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
  let flushing = Promise.resolve();
  const flush = async (): Promise<void> => {
    await flushing;
    flushing = recorder.flush(position.offset, position.sha256());
    // Told when it is waited for, at the latest at the end.
    flushing.catch(() => undefined);
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
    if (signal.aborted) await flushing;
    checkInterrupt(signal, report.file, report.lines);
    onProgress({ content, lines: report.lines, events: recorder.durableEvents });
  }
  await flushing;
  reader.end(onLine, onProblem);
  const settled = new SettledTally();
  decoder.end({
    fact(fact) {
      settled.add(fact);
      sink.fact(fact);
    },
    problem: sink.problem,
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
    range(range: RangeFact): void {
      pace?.see(range.stamp);
      recorder.range(range);
    },
    problem: (line, reason, isRecord = false) => {
      if (!isRecord) report.unread++;
      noteProblem(report, line, reason);
    },
  };
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
