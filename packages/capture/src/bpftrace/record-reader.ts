/** Reads a JSON line of the bpftrace recorders; names of tasks come unescaped and are repaired. */
import { type Actor, U64_MAX } from "@ioasis/core";
import type { IommuRecord } from "../kernel/iommu-record.ts";
import { CallFields } from "./call-fields.ts";
import type { AnchorRecord, BpftraceRecord, CallRecord, PageTableRecord, ReleaseRecord } from "./record.ts";

/** TASK_COMM_LEN - 1 characters, then the next field that the recorders print. */
const COMM = /"comm":"([\s\S]{0,15}?)"(,"(?:fd|file|iova|device)":)/;
const SECONDS = /^\d+(?:\.\d{1,9})?$/;
const ACTORS_MAX = 65_536;

export class RecordReader {
  readonly #actors = new Map<string, Actor>();

  /** A string: why the line is no record. */
  read(text: string): BpftraceRecord | string {
    const values = parse(text);
    if (values === null) return "no JSON object";
    const fields = new CallFields(values);
    switch (fields.text("ev")) {
      case "ioctl":
        return this.#call(text, fields) ?? "an ioctl record that lacks a field";
      case "release":
        return this.#release(text, fields) ?? "a release record that lacks a field";
      case "iommu_map":
      case "iommu_unmap":
      case "iommu_attach":
      case "io_page_fault":
        return this.#pageTable(text, fields) ?? "a page-table record that lacks a field";
      case "sync":
        return sync(text, fields) ?? "a sync record that lacks a field";
      case "anchor":
        return anchor(fields) ?? "an anchor record that lacks a field";
      default:
        return "a JSON object of another kind";
    }
  }

  #call(text: string, fields: CallFields): CallRecord | null {
    const start = nanoseconds(text, "t");
    const duration = nanoseconds(text, "d");
    const fd = fields.number("fd");
    const fileName = fields.text("fn");
    const file = fields.text("file");
    const cmd = fields.address("cmd");
    const ret = fields.number("ret");
    if (start === null || duration === null || fd === null || fileName === null) return null;
    if (file === null || cmd === null || ret === null) return null;
    const arg = fields.address("arg") ?? 0n;
    const end = start + duration;
    return {
      kind: "call",
      start,
      end,
      actor: this.#actor(fields),
      fd,
      fileName,
      file,
      cmd: Number(cmd),
      arg,
      ret,
      fields,
    };
  }

  #release(text: string, fields: CallFields): ReleaseRecord | null {
    const time = nanoseconds(text, "t");
    const what = fields.text("what");
    const file = fields.text("file");
    if (time === null || what === null || file === null) return null;
    return { kind: "release", what, time, actor: this.#actor(fields), file };
  }

  #pageTable(text: string, fields: CallFields): PageTableRecord | null {
    const time = nanoseconds(text, "t");
    const record = pageTableEvent(fields);
    if (time === null || record === undefined) return null;
    return { kind: "iommu", time, actor: this.#actor(fields), record };
  }

  #actor(fields: CallFields): Actor {
    const comm = fields.text("comm");
    const pid = fields.number("pid");
    const tid = fields.number("tid");
    const key = `${pid} ${tid} ${comm}`;
    const known = this.#actors.get(key);
    if (known !== undefined) return known;
    if (this.#actors.size >= ACTORS_MAX) this.#actors.clear();
    const actor: Actor = { comm, pid, tid, cpu: null, flags: null };
    this.#actors.set(key, actor);
    return actor;
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  // A backslash in a name would be taken for an escape, a quote ends it: escape both first.
  const escaped = () => text.replace(COMM, (_, comm: string, next: string) => `"comm":${JSON.stringify(comm)}${next}`);
  return (text.includes("\\") ? null : object(text)) ?? object(escaped());
}

function object(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** Exact, unlike the number that JSON.parse makes of it after 104 days of uptime. */
export function nanoseconds(text: string, name: string): bigint | null {
  const mark = `"${name}":`;
  const from = text.indexOf(mark);
  if (from < 0) return null;
  const digits = /^\d{1,19}(?=[,}])/.exec(text.slice(from + mark.length, from + mark.length + 20))?.[0];
  return digits === undefined ? null : BigInt(digits);
}

/** Undefined: a broken one. */
function pageTableEvent(fields: CallFields): IommuRecord | null | undefined {
  const iova = fields.address("iova");
  switch (fields.text("ev")) {
    case "iommu_map": {
      const length = fields.address("size");
      const paddr = fields.address("paddr");
      if (iova === null || length === null || paddr === null || length === 0n || iova + length - 1n > U64_MAX) return;
      return { kind: "map", iova, last: iova + length - 1n, length, paddr };
    }
    case "iommu_unmap": {
      const length = fields.address("size");
      const removed = fields.address("unmapped");
      if (iova === null || length === null || removed === null) return;
      if (iova + length - 1n > U64_MAX || iova + removed - 1n > U64_MAX) return;
      return { kind: "unmap", iova, length, removed };
    }
    case "iommu_attach": {
      const device = fields.text("device");
      if (device === null) return;
      return device === "" ? null : { kind: "attach", device };
    }
    default: {
      const driver = fields.text("driver");
      const device = fields.text("device");
      const flags = fields.number("flags");
      if (iova === null || driver === null || device === null || flags === null) return;
      return { kind: "fault", driver, device, iova, isWrite: (flags & 1) === 1 };
    }
  }
}

/** `real` is what bpftrace's strftime made of the same moment; `tai` may be 37 s off. */
function sync(text: string, fields: CallFields): AnchorRecord | null {
  const time = nanoseconds(text, "mono");
  const realtime = fields.text("real");
  if (time === null || realtime === null || !SECONDS.test(realtime)) return null;
  const digits = time.toString().padStart(10, "0");
  return { kind: "anchor", time, clock: "mono", seconds: `${digits.slice(0, -9)}.${digits.slice(-9)}`, realtime };
}

/** What `syncmark` prints. */
function anchor(fields: CallFields): AnchorRecord | null {
  const realtime = fields.text("realtime");
  const seconds = fields.text("mono");
  if (realtime === null || seconds === null || !SECONDS.test(realtime) || !SECONDS.test(seconds)) return null;
  const [whole = "0", fraction = ""] = seconds.split(".");
  return { kind: "anchor", time: BigInt(whole + fraction.padEnd(9, "0")), clock: "mono", seconds, realtime };
}
