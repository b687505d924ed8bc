/**
 * Kernel traces as text: ftrace (with or without kprobe records), perf script, trace-cmd report.
 *
 * Records of `iommu:*` events that no recorded call explains are facts of the context "" (the
 * page tables of a whole kernel; no domain is named); calls are facts of their container's.
 */
import type { ObservedEvent } from "@ioasis/core";
import type { Decoder, FactSink, FormatName } from "../decoder.ts";
import type { Line } from "../line.ts";
import { FactWriter } from "./fact-writer.ts";
import { type IommuRecord, iommuRecord } from "./iommu-record.ts";
import type { Origin } from "./origin.ts";
import { writeMapping, writeRecord } from "./page-table-events.ts";
import { type PageTableMap, PageTableMaps } from "./page-table-maps.ts";
import { ProbeCalls } from "./probe-calls.ts";
import { RingStarts } from "./ring-starts.ts";
import { TraceLineReader, type TraceRecord } from "./trace-line.ts";
import { lostNote, markNote } from "./trace-notes.ts";
import type { TraceLayout } from "./trace-prefix.ts";

/** Lines of the tools that are no records: trace-cmd's header, stack frames of `-g` and of stacktrace. */
const TOOL_LINE = /^\s*(?:cpus=\d+|version = \S+|CPU \d+ is empty|=> .*|[0-9a-f]{8,16} .*\(.*\))\s*$/;
const TOOL_LINE_LENGTH_MAX = 512;
const HASH = 35;

/** A kernel's own trace, `cat /sys/kernel/tracing/trace` or `trace_pipe`. */
export function ftraceDecoder(): Decoder {
  return new TraceDecoder("ftrace", "ftrace");
}

/** The same with the kprobe records of the project's recorder; one machine reads both. */
export function kprobeDecoder(): Decoder {
  return new TraceDecoder("kprobe", "ftrace");
}

export function perfDecoder(): Decoder {
  return new TraceDecoder("perf", "perf");
}

export function traceCmdDecoder(): Decoder {
  return new TraceDecoder("trace-cmd", "trace-cmd");
}

class TraceDecoder implements Decoder {
  readonly format: FormatName;
  readonly #lines: TraceLineReader;
  readonly #writer = new FactWriter(true);
  readonly #calls = new ProbeCalls(this.#writer);
  readonly #maps = new PageTableMaps();
  readonly #rings = new RingStarts();

  constructor(format: FormatName, layout: TraceLayout) {
    this.format = format;
    this.#lines = new TraceLineReader(layout);
  }

  line(line: Line, sink: FactSink): void {
    this.#writer.sink = sink;
    if (line.bytes[line.from] === HASH && line.from < line.to) {
      this.#note(this.#rings.header(line.text), { stamp: null, actor: null, line: line.number });
      return;
    }
    const record = this.#lines.read(line);
    if (record === null) this.#other(line.text, line.number);
    else this.#record(line, record);
  }

  end(sink: FactSink): void {
    this.#writer.sink = sink;
    this.#flush(this.#maps.take());
    this.#calls.end();
    this.#writer.finish([]);
  }

  #record(line: Line, { name, bodyAt, inTask, origin }: TraceRecord): void {
    this.#note(this.#rings.record(origin.actor?.cpu ?? null), origin);
    const event = iommuRecord(name, line, bodyAt);
    if (event === null) {
      this.#flush(this.#maps.take());
      this.#writer.problem(origin.line, `an iommu:${name} record that cannot be read`);
    } else if (event === "other") {
      this.#flush(this.#maps.take());
      const body = line.slice(bodyAt, line.to);
      if (name === "tracing_mark_write" || name === "print") this.#note(markNote(body), origin);
      else if (!this.#calls.record(name, body, origin)) this.#note(lostNote(line.text), origin);
    } else this.#iommu(event, origin, inTask);
  }

  #iommu(record: IommuRecord, origin: Origin, inTask: boolean): void {
    if (this.#calls.absorbs(record, origin.actor?.tid ?? null, inTask)) {
      this.#flush(this.#maps.take());
    } else if (record.kind === "map") {
      this.#flush(this.#maps.push(record, origin, inTask));
    } else {
      this.#flush(this.#maps.take());
      writeRecord(this.#writer, record, origin);
    }
  }

  #flush(map: PageTableMap | null): void {
    if (map !== null) writeMapping(this.#writer, map);
  }

  #note(event: ObservedEvent | null, origin: Origin): void {
    if (event === null) return;
    this.#flush(this.#maps.take());
    this.#writer.note(event, origin);
  }

  #other(text: string, line: number): void {
    if (text.trim() === "") return;
    const lost = lostNote(text);
    if (lost !== null) this.#note(lost, { stamp: null, actor: null, line });
    else if (text.length > TOOL_LINE_LENGTH_MAX || !TOOL_LINE.test(text)) {
      this.#flush(this.#maps.take());
      this.#writer.problem(line, "no record of a kernel trace");
    }
  }
}
