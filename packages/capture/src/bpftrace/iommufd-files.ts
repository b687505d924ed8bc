/**
 * The iommufd files of a bpftrace recording: their objects, and the devices bound to them.
 * One open file is one context; kernel ids are its ids.
 */
import { errnoOfNumber } from "@ioasis/core";
import type { CallContext } from "../kernel/call-context.ts";
import { MapLines } from "../kernel/call-lines.ts";
import type { FactWriter } from "../kernel/fact-writer.ts";
import { iommufdMapResult, iommufdUnmapResult } from "../kernel/iommufd-result.ts";
import { Lives } from "../kernel/lives.ts";
import type { Origin } from "../kernel/origin.ts";
import type { CallResult } from "../kernel/type1-result.ts";
import type { InnerLines } from "./held-calls.ts";
import { IOMMU, ioctlName, VFIO } from "./ioctls.ts";
import { chosenIova, iommufdMapRequest, iommufdUnmapRequest } from "./iommufd-requests.ts";
import type { OpenFiles } from "./open-files.ts";
import type { CallRecord } from "./record.ts";

const HWPT_NEST_PARENT = 1;
const HWPT_DIRTY_TRACKING = 2;

/** What an id stands for while it lives; of a page table, the space it belongs to. */
type Identity = { readonly kind: "ioas" } | { readonly kind: "hwpt"; readonly ioas: number };

interface Bound {
  /** The iommufd's file, see `OpenFiles.of`. */
  readonly iommufd: string;
  readonly device: string;
  isAttached: boolean;
}

export class IommufdFiles {
  readonly #writer: FactWriter;
  readonly #files: OpenFiles;
  readonly #iommufds = new Lives("iommufd");
  readonly #ids = new WeakMap<CallContext, Map<number, Identity>>();
  /** By the device's file. */
  readonly #bound = new Map<string, Bound>();

  constructor(writer: FactWriter, files: OpenFiles) {
    this.#writer = writer;
    this.#files = files;
  }

  get contexts(): Iterable<CallContext> {
    return this.#iommufds;
  }

  /** A call on the iommufd itself; `name`: what its file went by until now. */
  call(call: CallRecord, name: string | null, lines: InnerLines, origin: Origin): void {
    if (name !== null) this.#iommufds.rename(name, call.file);
    const context = this.#context(call.file);
    this.#writer.settle(context, "iommufd");
    switch (call.cmd) {
      case IOMMU.IOAS_MAP:
      case IOMMU.IOAS_MAP_FILE:
      case IOMMU.IOAS_COPY:
        this.#map(context, call, lines, origin);
        return;
      case IOMMU.IOAS_UNMAP:
        this.#unmap(context, call, origin);
        return;
      case IOMMU.IOAS_ALLOC:
      case IOMMU.DESTROY:
      case IOMMU.HWPT_ALLOC:
      case IOMMU.HWPT_SET_DIRTY_TRACKING:
        if (call.ret < 0) this.#refuse(context, call, origin);
        else this.#object(context, call, origin);
        return;
      case VFIO.MAP_DMA:
      case VFIO.UNMAP_DMA:
        this.#writer.problem(origin.line, "a VFIO call on an iommufd (compatibility mode) is not followed");
    }
  }

  /** A call on a device's file: it binds the device to an iommufd or moves it. */
  deviceCall(call: CallRecord, origin: Origin): void {
    if (call.cmd === VFIO.DEVICE_BIND_IOMMUFD) this.#bind(call, origin);
    const bound = this.#bound.get(call.file);
    if (bound === undefined || call.cmd === VFIO.DEVICE_BIND_IOMMUFD) return;
    const context = this.#context(this.#files.of(bound.iommufd));
    const isAttach = call.cmd === VFIO.DEVICE_ATTACH_IOMMUFD_PT;
    if (!isAttach && call.cmd !== VFIO.DEVICE_DETACH_IOMMUFD_PT) return;
    const { device } = bound;
    if (call.ret < 0) this.#refuse(context, call, origin);
    else if (isAttach) this.#attach(context, bound, call.fields.word(2), origin);
    else {
      bound.isAttached = false;
      this.#writer.call(context, { type: "DeviceDetached", device, pasid: null }, origin);
    }
  }

  /** The device's file was closed for good: it is detached and unbound. */
  releaseDevice(file: string, origin: Origin): void {
    const bound = this.#bound.get(file);
    if (bound === undefined) return;
    this.#bound.delete(file);
    const { device } = bound;
    const context = this.#context(this.#files.of(bound.iommufd));
    if (bound.isAttached) this.#writer.call(context, { type: "DeviceDetached", device, pasid: null }, origin);
    this.#writer.call(context, { type: "DeviceUnbound", device }, origin);
  }

  /** The iommufd was closed for good: all its objects are gone. */
  release(file: string, origin: Origin): void {
    const context = this.#iommufds.get(file);
    if (context === undefined) return;
    const ids = [...this.#idsOf(context)];
    for (const [id, { kind }] of ids) {
      if (kind === "hwpt") this.#writer.call(context, { type: "HwptDestroyed", hwpt: id }, origin);
    }
    for (const [id, { kind }] of ids) {
      if (kind === "ioas") this.#writer.call(context, { type: "IoasDestroyed", ioas: id }, origin);
    }
    this.#writer.close(context);
    this.#iommufds.end(file);
  }

  #map(context: CallContext, call: CallRecord, lines: InnerLines, origin: Origin): void {
    const request = iommufdMapRequest(call);
    if (request === null) {
      this.#unread(context, call, origin);
      return;
    }
    const runs = lines instanceof MapLines && !lines.isOverfull ? lines.runs : [];
    const iova = chosenIova(call) ?? request.iova;
    this.#write(context, iommufdMapResult(request, call.ret, iova, runs), request.ioas, origin);
  }

  #unmap(context: CallContext, call: CallRecord, origin: Origin): void {
    const request = iommufdUnmapRequest(call.fields);
    if (request === null) {
      this.#unread(context, call, origin);
      return;
    }
    const removed = call.fields.address("len") ?? request.length;
    this.#write(context, iommufdUnmapResult(request, call.ret, removed), request.ioas, origin);
  }

  #write(context: CallContext, result: CallResult | string, ioas: number, origin: Origin): void {
    if (typeof result === "string") {
      this.#writer.problem(origin.line, result);
      return;
    }
    // A call that succeeded shows what its id is, even if its allocation lies before the recording.
    if (result.errno === null) this.#idsOf(context).set(ioas, { kind: "ioas" });
    this.#writer.call(context, result.event, origin, result.errno);
  }

  /** The structs of ALLOC {size, flags, out}, DESTROY {size, id}, SET_DIRTY_TRACKING {size, flags, hwpt}. */
  #object(context: CallContext, { cmd, fields }: CallRecord, origin: Origin): void {
    const ids = this.#idsOf(context);
    const first = fields.word(1);
    const second = fields.word(2);
    if (cmd === IOMMU.IOAS_ALLOC && second !== null) {
      ids.set(second, { kind: "ioas" });
      this.#writer.call(context, { type: "IoasAllocated", ioas: second, kernelId: second }, origin);
    } else if (cmd === IOMMU.DESTROY && first !== null) {
      const kind = ids.get(first)?.kind;
      ids.delete(first);
      if (kind === "ioas") this.#writer.call(context, { type: "IoasDestroyed", ioas: first }, origin);
      else if (kind === "hwpt") this.#writer.call(context, { type: "HwptDestroyed", hwpt: first }, origin);
    } else if (cmd === IOMMU.HWPT_SET_DIRTY_TRACKING && first !== null && second !== null) {
      const type = (first & 1) === 1 ? "DirtyTrackingStarted" : "DirtyTrackingStopped";
      this.#writer.call(context, { type, hwpt: second }, origin);
    } else if (cmd === IOMMU.HWPT_ALLOC) {
      this.#allocHwpt(context, fields.number("out"), fields.number("pt"), fields.number("flags"), origin);
    }
  }

  #allocHwpt(
    context: CallContext,
    hwpt: number | null,
    parent: number | null,
    flags: number | null,
    origin: Origin,
  ): void {
    if (hwpt === null || parent === null || flags === null) return;
    const ids = this.#idsOf(context);
    const known = ids.get(parent);
    const ioas = known?.kind === "hwpt" ? known.ioas : parent;
    ids.set(hwpt, { kind: "hwpt", ioas });
    const dirtyTracking = (flags & HWPT_DIRTY_TRACKING) !== 0;
    const nestParent = (flags & HWPT_NEST_PARENT) !== 0;
    const untold = { auto: false, pageSize: null, aperture: null } as const;
    const event = { type: "HwptAllocated", hwpt, ioas, kernelId: hwpt, ...untold, dirtyTracking, nestParent } as const;
    this.#writer.call(context, event, origin);
  }

  /** {argsz, flags, iommufd, out_devid} */
  #bind(call: CallRecord, origin: Origin): void {
    const fd = call.fields.word(2);
    const id = call.fields.word(3);
    if (fd === null || id === null) return;
    const iommufd = this.#files.named(call.actor.pid, fd);
    const context = this.#context(this.#files.of(iommufd));
    if (call.ret < 0) {
      this.#refuse(context, call, origin);
      return;
    }
    const device = call.fileName;
    this.#bound.set(call.file, { iommufd, device, isAttached: false });
    this.#writer.call(context, { type: "DeviceBound", device, kernelId: id, group: null }, origin);
  }

  /** `id` is that of a space or of a page table; one that no call explained is taken for a space. */
  #attach(context: CallContext, bound: Bound, id: number | null, origin: Origin): void {
    if (id === null) return;
    bound.isAttached = true;
    const isHwpt = this.#idsOf(context).get(id)?.kind === "hwpt";
    const target = isHwpt ? { ioas: null, hwpt: id } : { ioas: id, hwpt: null };
    this.#writer.call(context, { type: "DeviceAttached", device: bound.device, pasid: null, ...target }, origin);
  }

  #context(file: string): CallContext {
    return this.#iommufds.get(file) ?? this.#iommufds.begin(file, null);
  }

  #idsOf(context: CallContext): Map<number, Identity> {
    const known = this.#ids.get(context);
    if (known !== undefined) return known;
    const ids = new Map<number, Identity>();
    this.#ids.set(context, ids);
    return ids;
  }

  #refuse(context: CallContext, call: CallRecord, origin: Origin): void {
    const words = [call.fields.word(1), call.fields.word(2), call.fields.word(3)].filter((word) => word !== null);
    const detail = words.length > 0 ? `arguments ${words.join(" ")}` : `on ${call.fileName}`;
    const event = { type: "CallRefused", call: ioctlName(call.cmd), detail } as const;
    this.#writer.call(context, event, origin, errnoOfNumber(-call.ret));
  }

  #unread(context: CallContext, call: CallRecord, origin: Origin): void {
    if (call.ret < 0) this.#refuse(context, call, origin);
    else this.#writer.problem(origin.line, `${ioctlName(call.cmd)} succeeded, but its arguments are not in the record`);
  }
}
