/**
 * The calls of a kprobe trace: an entry record, what the kernel printed meanwhile on the same
 * task, a return record. One call is one fact.
 *
 * The record names are those of the project's recorder: `vmap`, `vmap_r`, `vunmap`, `vunmap_r`,
 * `vattach`, `vattach_r`, `vdetach`, `vrelease` and `vcont` for the type1 container, `imap`,
 * `imap_r`, `iunmap`, `iunmap_r` for iommufd. Where the recorder's filters are off, every ioctl
 * appears under both names of a pair with fields decoded wrongly: `cmd` decides.
 *
 * A fact's stamp and actor are those of the entry record, its line is that of the return record.
 */
import type { ProfileName } from "@ioasis/core";
import type { CallContext } from "./call-context.ts";
import type { FactWriter } from "./fact-writer.ts";
import type { IommuRecord } from "./iommu-record.ts";
import { beginIommufdMap, beginIommufdUnmap, endIommufdMap, endIommufdUnmap } from "./iommufd-probe.ts";
import { Lives } from "./lives.ts";
import { type OpenCall, takes } from "./open-call.ts";
import type { Origin } from "./origin.ts";
import { ProbeFields } from "./probe-fields.ts";
import { beginMap, beginUnmap, endAttach, endMap, endUnmap } from "./type1-probe.ts";

const CALLS_MAX = 4096;
const SET_IOMMU = 0x3b66;
const MAP_DMA = 0x3b71;
const UNMAP_DMA = 0x3b72;
const PROFILES: Readonly<Record<number, ProfileName>> = { 1: "vfio-type1", 3: "vfio-type1v2", 6: "vfio-type1v2" };
const RETURNS: Readonly<Record<string, OpenCall["kind"]>> = {
  vmap_r: "vmap",
  vunmap_r: "vunmap",
  vattach_r: "vattach",
  imap_r: "imap",
  iunmap_r: "iunmap",
};

export class ProbeCalls {
  readonly #writer: FactWriter;
  readonly #containers = new Lives("container");
  readonly #iommufds = new Lives("iommufd");
  readonly #open = new Map<number, OpenCall>();
  /** What the task's latest SET_IOMMU asked for. */
  readonly #types = new Map<number, ProfileName>();

  constructor(writer: FactWriter) {
    this.#writer = writer;
  }

  /** Whether the record belongs to the call that its task is in. */
  absorbs(record: IommuRecord, tid: number | null, inTask: boolean): boolean {
    if (this.#open.size === 0 || tid === null || !inTask) return false;
    const call = this.#open.get(tid);
    return call !== undefined && takes(call, record);
  }

  /** False: `name` is no record of these probes. */
  record(name: string, body: string, origin: Origin): boolean {
    const tid = origin.actor?.tid ?? null;
    if (tid === null) return false;
    const returns = RETURNS[name];
    if (returns !== undefined) this.#return(returns, tid, new ProbeFields(body), origin);
    else if (!this.#enter(name, tid, new ProbeFields(body), origin)) return false;
    return true;
  }

  end(): void {
    for (const call of this.#open.values()) {
      if (call.kind === "teardown") continue;
      this.#writer.problem(
        call.origin.line,
        `the recording ends inside this ${call.kind} call: its result is unknown`,
        true,
      );
    }
    this.#open.clear();
  }

  #enter(name: string, tid: number, fields: ProbeFields, origin: Origin): boolean {
    const cmd = fields.number("cmd");
    switch (name) {
      case "vmap":
        if (cmd === null || cmd === MAP_DMA) this.#push(tid, beginMap(this.#container(fields), fields, origin));
        return true;
      case "vunmap":
        if (cmd === null || cmd === UNMAP_DMA) this.#push(tid, beginUnmap(this.#container(fields), fields, origin));
        return true;
      case "imap":
        this.#pushIommufd(tid, beginIommufdMap(this.#iommufd(fields), fields, origin), origin);
        return true;
      case "iunmap":
        this.#pushIommufd(tid, beginIommufdUnmap(this.#iommufd(fields), fields, origin), origin);
        return true;
      case "vattach":
        this.#attach(tid, fields, origin);
        return true;
      case "vdetach":
        this.#detach(tid, fields, origin);
        return true;
      case "vrelease":
        this.#release(tid, fields, origin);
        return true;
      case "vcont":
        if (cmd === SET_IOMMU) this.#setType(tid, fields.number("arg"));
        return true;
      case "vother":
        return true;
      default:
        return false;
    }
  }

  #return(kind: OpenCall["kind"], tid: number, fields: ProbeFields, origin: Origin): void {
    const cmd = fields.number("cmd");
    if (cmd !== null && cmd !== (kind === "vmap" ? MAP_DMA : kind === "vunmap" ? UNMAP_DMA : cmd)) return;
    const call = this.#open.get(tid);
    if (call?.kind !== kind) {
      this.#writer.problem(origin.line, `a ${kind} call returns whose beginning is not in the recording`, true);
      return;
    }
    this.#open.delete(tid);
    const ret = fields.number("ret");
    if (ret === null) {
      this.#writer.problem(origin.line, `the return of a ${kind} call without ret=`);
      return;
    }
    this.#finish(call, ret, fields, origin.line);
  }

  #finish(call: OpenCall, ret: number, fields: ProbeFields, line: number): void {
    const origin: Origin = { ...call.origin, line };
    switch (call.kind) {
      case "vmap":
        endMap(this.#writer, call.context, call.request, ret, call.lines, origin);
        return;
      case "vunmap":
        endUnmap(this.#writer, call.context, call.request, ret, fields.big("size"), call.lines.reach, origin);
        return;
      case "imap":
        endIommufdMap(this.#writer, call, ret, fields.big("iova"), origin);
        return;
      case "iunmap":
        endIommufdUnmap(this.#writer, call, ret, fields.big("len"), origin);
        return;
      case "vattach":
        endAttach(this.#writer, call, ret, origin);
        return;
      case "teardown":
        return;
    }
  }

  #container(fields: ProbeFields): CallContext {
    return this.#containers.find(fields.pointer("iommu") ?? "?", "unknown");
  }

  #iommufd(fields: ProbeFields): CallContext {
    return this.#iommufds.find(fields.pointer("ictx") ?? "?", "iommufd");
  }

  #pushIommufd(tid: number, call: OpenCall | null, { line }: Origin): void {
    if (call === null) this.#writer.problem(line, "an iommufd call whose arguments are not in the recording");
    else this.#push(tid, call);
  }

  #push(tid: number, call: OpenCall): void {
    const before = this.#open.get(tid);
    if (before !== undefined && before.kind !== "teardown") {
      this.#writer.problem(before.origin.line, `this ${before.kind} call never returned: its result is unknown`, true);
    }
    if (this.#open.size >= CALLS_MAX && !this.#open.has(tid)) {
      this.#writer.problem(call.origin.line, `more than ${CALLS_MAX} calls at once: this one is not followed`, true);
      return;
    }
    this.#open.set(tid, call);
  }

  #setType(tid: number, type: number | null): void {
    if (this.#types.size >= CALLS_MAX) this.#types.clear();
    const profile = type === null ? undefined : PROFILES[type];
    if (profile === undefined) this.#types.delete(tid);
    else this.#types.set(tid, profile);
  }

  #attach(tid: number, fields: ProbeFields, origin: Origin): void {
    const pointer = fields.pointer("iommu") ?? "?";
    const living = this.#containers.get(pointer);
    const context = living ?? this.#containers.begin(pointer, this.#types.get(tid) ?? "unknown");
    const group = fields.pointer("group") ?? "?";
    this.#push(tid, { kind: "vattach", context, origin, group, devices: new Set(), isFirst: living === undefined });
  }

  #detach(tid: number, fields: ProbeFields, origin: Origin): void {
    const context = this.#container(fields);
    const group = fields.pointer("group") ?? "?";
    for (const device of context.groups.get(group) ?? []) {
      this.#writer.call(context, { type: "DeviceDetached", device, pasid: null }, origin);
    }
    context.groups.delete(group);
    if (context.groups.size === 0) this.#push(tid, { kind: "teardown", context, origin });
  }

  #release(tid: number, fields: ProbeFields, origin: Origin): void {
    const pointer = fields.pointer("iommu") ?? "?";
    const context = this.#containers.get(pointer);
    if (this.#open.get(tid)?.kind === "teardown") this.#open.delete(tid);
    if (context === undefined) return;
    if (context.hasSpace) this.#writer.call(context, { type: "IoasDestroyed", ioas: null }, origin);
    this.#writer.close(context);
    this.#containers.end(pointer);
  }
}
