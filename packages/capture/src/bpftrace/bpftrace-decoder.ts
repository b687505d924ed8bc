/**
 * The JSON lines of the bpftrace recorders.
 *
 * Each ioctl is one fact of its container's or iommufd's context; page-table lines of the second
 * recorder that fell into a call are its runs, those outside are facts of the context "". To
 * import both recordings together, order them by `mergeBpftrace` first. A fact's stamp is the
 * entry time of its call (the kernel acts between entry and exit); facts come in order of exit.
 */
import type { ObservedEvent, Stamp } from "@ioasis/core";
import type { Decoder, FactSink } from "../decoder.ts";
import { FactWriter } from "../kernel/fact-writer.ts";
import type { Origin } from "../kernel/origin.ts";
import { writeMapping, writeRecord } from "../kernel/page-table-events.ts";
import { type PageTableMap, PageTableMaps } from "../kernel/page-table-maps.ts";
import type { Line } from "../line.ts";
import { HELD_MAX, type HeldCall, HeldCalls, type InnerLines } from "./held-calls.ts";
import { IommufdFiles } from "./iommufd-files.ts";
import { iommufdLines } from "./iommufd-requests.ts";
import { OpenFiles } from "./open-files.ts";
import type { CallRecord, PageTableRecord, ReleaseRecord } from "./record.ts";
import { RecordReader } from "./record-reader.ts";
import { VfioFiles } from "./vfio-files.ts";
import { vfioLines } from "./vfio-requests.ts";

const CONTAINER = "vfio";
const IOMMUFD = "iommu";
const GROUP = /^(?:noiommu-)?\d+$/;
const DEVICE = /^(?:\[vfio-device\]|vfio\d+)$/;
const LOST = /^Lost (\d+) events/;
const GREETING = /^Attaching \d+ probes?\.\.\./;
const TEARDOWNS_MAX = 4096;

export function bpftraceDecoder(): Decoder {
  return new BpftraceDecoder();
}

/** A line of the recorders: JSON that begins with its kind. */
export function looksLikeBpftrace(line: string): boolean {
  return /^\{"ev":"(?:ioctl|sync|anchor|release|iommu_(?:map|unmap|attach)|io_page_fault)"[,}]/.test(line);
}

class BpftraceDecoder implements Decoder {
  readonly format = "bpftrace";
  readonly #reader = new RecordReader();
  readonly #writer = new FactWriter(false);
  readonly #held = new HeldCalls();
  readonly #maps = new PageTableMaps();
  readonly #files = new OpenFiles();
  readonly #vfio = new VfioFiles(this.#writer, this.#files);
  readonly #iommufd = new IommufdFiles(this.#writer, this.#files);
  /** Tasks inside the release of a container's last group: their unmaps are its end. */
  readonly #teardowns = new Set<number>();

  line({ text, number }: Line, sink: FactSink): void {
    this.#writer.sink = sink;
    if (!text.startsWith("{")) {
      this.#plain(text, number);
      return;
    }
    const record = this.#reader.read(text);
    if (typeof record === "string") {
      this.#writer.problem(number, record);
      return;
    }
    this.#finishBefore(record.kind === "call" ? record.start : record.time);
    if (record.kind === "iommu") this.#pageTable(record, number);
    else {
      this.#flush(this.#maps.take());
      if (record.kind === "call") this.#call(record, number);
      else if (record.kind === "release") this.#release(record, number);
      else {
        const { clock, seconds, realtime } = record;
        this.#writer.note({ type: "ClockAnchored", clock, seconds, realtime }, origin(record.time, number));
      }
    }
  }

  end(sink: FactSink): void {
    this.#writer.sink = sink;
    this.#finishBefore(null);
    this.#flush(this.#maps.take());
    this.#writer.finish([...this.#vfio.contexts, ...this.#iommufd.contexts]);
  }

  #plain(text: string, line: number): void {
    const lost = LOST.exec(text);
    if (lost !== null) {
      this.#flush(this.#maps.take());
      const event: ObservedEvent = { type: "EventsLost", count: Number(lost[1]), what: "bpftrace events" };
      this.#writer.note(event, { stamp: null, actor: null, line });
    } else if (text.trim() !== "" && !GREETING.test(text))
      this.#writer.problem(line, "no JSON line of a bpftrace recorder");
  }

  #call(record: CallRecord, line: number): void {
    this.#teardowns.delete(record.actor.tid ?? -1);
    if (this.#held.isFull) {
      this.#writer.problem(line, `more than ${HELD_MAX} calls overlap: the first is closed before its exit`);
      this.#finish(this.#held.takeBefore(null));
    }
    this.#held.push({ record, lines: innerLines(record), line });
  }

  #pageTable(record: PageTableRecord, line: number): void {
    const { record: event, actor, time } = record;
    if (event === null) return;
    if (this.#held.absorbs(record)) {
      this.#flush(this.#maps.take());
      return;
    }
    const isTeardown = event.kind === "unmap" && this.#teardowns.has(actor.tid ?? -1);
    const from: Origin = { ...origin(time, line), actor };
    if (event.kind === "map") {
      this.#flush(this.#maps.push(event, from, true));
      return;
    }
    this.#flush(this.#maps.take());
    if (!isTeardown) writeRecord(this.#writer, event, from);
  }

  #release({ what, file, actor, time }: ReleaseRecord, line: number): void {
    const from: Origin = { ...origin(time, line), actor };
    const tid = actor.tid ?? -1;
    this.#teardowns.delete(tid);
    let isTeardown = false;
    if (what === "group") isTeardown = this.#vfio.leave(file, from);
    else if (what === "container") isTeardown = this.#vfio.releaseContainer(file, from);
    else if (what === "device") this.#iommufd.releaseDevice(file, from);
    else if (what === "iommufd") {
      this.#iommufd.release(file, from);
      isTeardown = true;
    }
    if (isTeardown && this.#teardowns.size < TEARDOWNS_MAX) this.#teardowns.add(tid);
  }

  #finishBefore(time: bigint | null): void {
    for (let call = this.#held.takeBefore(time); call !== null; call = this.#held.takeBefore(time)) this.#finish(call);
  }

  #finish(call: HeldCall | null): void {
    if (call === null) return;
    const { record, lines, line } = call;
    const from: Origin = { ...origin(record.start, line), actor: record.actor };
    const { fileName, actor, fd, file } = record;
    if (fileName === CONTAINER) {
      this.#vfio.containerCall(record, this.#files.see(actor.pid, fd, file), lines, from);
    } else if (fileName === IOMMUFD) {
      this.#iommufd.call(record, this.#files.see(actor.pid, fd, file), lines, from);
    } else if (GROUP.test(fileName)) this.#vfio.groupCall(record, from);
    else if (DEVICE.test(fileName)) this.#iommufd.deviceCall(record, from);
  }

  #flush(map: PageTableMap | null): void {
    if (map !== null) writeMapping(this.#writer, map);
  }
}

/** Which page-table lines may belong to the call; the file behind the fd decides what a number means. */
function innerLines(record: CallRecord): InnerLines {
  if (record.fileName === CONTAINER || GROUP.test(record.fileName)) return vfioLines(record);
  if (record.fileName === IOMMUFD || DEVICE.test(record.fileName)) return iommufdLines(record);
  return null;
}

function origin(time: bigint, line: number): Origin {
  const stamp: Stamp = { clock: "mono", ticks: time, decimals: 9 };
  return { stamp, actor: null, line };
}
