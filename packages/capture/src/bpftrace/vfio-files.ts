/**
 * The legacy VFIO files of a bpftrace recording: containers, the groups in them, their devices.
 *
 * The driver of a container lives from SET_IOMMU until the last group leaves (UNSET_CONTAINER, or
 * the last close of the group's file); closing the container's own file changes nothing while a
 * group is in it. One life of the driver is one context. Source: drivers/vfio/container.c, group.c.
 */
import { errnoOfNumber, hex, type ObservedEvent, type ProfileName } from "@ioasis/core";
import type { CallContext } from "../kernel/call-context.ts";
import { MapLines, UnmapLines } from "../kernel/call-lines.ts";
import type { FactWriter } from "../kernel/fact-writer.ts";
import { Lives } from "../kernel/lives.ts";
import type { Origin } from "../kernel/origin.ts";
import { endMap, endUnmap } from "../kernel/type1-probe.ts";
import type { InnerLines } from "./held-calls.ts";
import { ioctlName, VFIO } from "./ioctls.ts";
import type { OpenFiles } from "./open-files.ts";
import type { CallRecord } from "./record.ts";
import { mapRequest, unmapRequest } from "./vfio-requests.ts";

const EINVAL = -22;
const DIRTY_START = 1;
const DIRTY_STOP = 2;
const PROFILES: ReadonlyMap<bigint, ProfileName> = new Map([
  [1n, "vfio-type1"],
  [2n, "spapr-tce"],
  [3n, "vfio-type1v2"],
  [6n, "vfio-type1v2"],
  [7n, "spapr-tce-v2"],
]);

interface Group {
  /** The container's open file, see `OpenFiles.of`. */
  readonly container: string;
  readonly devices: Set<string>;
}

export class VfioFiles {
  readonly #writer: FactWriter;
  readonly #files: OpenFiles;
  readonly #containers = new Lives("container");
  readonly #groups = new Map<string, Group>();

  constructor(writer: FactWriter, files: OpenFiles) {
    this.#writer = writer;
    this.#files = files;
  }

  get contexts(): Iterable<CallContext> {
    return this.#containers;
  }

  /** `name`: what the container's file went by until now. */
  containerCall(call: CallRecord, name: string | null, lines: InnerLines, origin: Origin): void {
    if (name !== null) this.#containers.rename(name, call.file);
    switch (call.cmd) {
      case VFIO.SET_IOMMU:
        this.#setIommu(call, origin);
        return;
      case VFIO.MAP_DMA:
        this.#map(call, lines, origin);
        return;
      case VFIO.UNMAP_DMA:
        this.#unmap(call, lines, origin);
        return;
      case VFIO.DIRTY_PAGES:
        this.#dirtyPages(call, origin);
    }
  }

  groupCall(call: CallRecord, origin: Origin): void {
    switch (call.cmd) {
      case VFIO.GROUP_SET_CONTAINER:
        this.#setContainer(call, origin);
        return;
      case VFIO.GROUP_UNSET_CONTAINER:
        if (call.ret === 0) this.leave(call.file, origin);
        else this.#refuse(this.#groups.get(call.file)?.container, call, `group ${call.fileName}`, origin);
        return;
      case VFIO.GROUP_GET_DEVICE_FD:
        this.#getDevice(call, origin);
    }
  }

  /** The group is out of its container. True: it was the last one, the driver takes its mappings down. */
  leave(groupFile: string, origin: Origin): boolean {
    const group = this.#groups.get(groupFile);
    if (group === undefined) return false;
    this.#groups.delete(groupFile);
    const context = this.#containers.get(this.#files.of(group.container));
    if (context === undefined) return false;
    for (const device of group.devices) {
      this.#writer.call(context, { type: "DeviceDetached", device, pasid: null }, origin);
    }
    if (this.#hasGroups(group.container)) return false;
    this.#end(context, origin);
    return true;
  }

  /** The container's file was closed for good. True: no group holds it, so its mappings are taken down. */
  releaseContainer(file: string, origin: Origin): boolean {
    const context = this.#containers.get(file);
    if (context === undefined || this.#hasGroups(file)) return false;
    const hadSpace = context.hasSpace;
    this.#end(context, origin);
    this.#containers.end(file);
    return hadSpace;
  }

  #hasGroups(container: string): boolean {
    const file = this.#files.of(container);
    for (const group of this.#groups.values()) if (this.#files.of(group.container) === file) return true;
    return false;
  }

  /** The driver is gone; the container stays known, for what it still refuses, until it is closed. */
  #end(context: CallContext, origin: Origin): void {
    if (context.hasSpace) this.#writer.call(context, { type: "IoasDestroyed", ioas: null }, origin);
    context.hasSpace = false;
    this.#writer.close(context);
  }

  #setIommu(call: CallRecord, origin: Origin): void {
    if (call.ret < 0) {
      this.#refuse(call.file, call, `type ${call.arg}`, origin);
      return;
    }
    const before = this.#context(call.file);
    // A driver is set once; so a container that had one is gone, unseen, and this is another.
    if (before.hasSpace) this.#end(before, origin);
    const context = before.profile === null ? before : this.#containers.begin(call.file, null);
    this.#writer.settle(context, PROFILES.get(call.arg) ?? "unknown");
    context.hasSpace = true;
    this.#writer.call(context, { type: "IoasAllocated", ioas: null, kernelId: null }, origin);
  }

  #setContainer(call: CallRecord, origin: Origin): void {
    const fd = call.fields.number("container_fd");
    if (fd === null) return;
    if (call.ret < 0) {
      const container = this.#files.known(call.actor.pid, fd) ?? undefined;
      this.#refuse(container, call, `group ${call.fileName}`, origin);
    } else {
      this.#groups.set(call.file, { container: this.#files.named(call.actor.pid, fd), devices: new Set() });
    }
  }

  #getDevice(call: CallRecord, origin: Origin): void {
    const group = this.#groups.get(call.file);
    const device = call.fields.text("name");
    if (group === undefined || device === null) return;
    if (call.ret < 0) {
      this.#refuse(group.container, call, `device ${device}`, origin);
      return;
    }
    if (group.devices.has(device)) return;
    group.devices.add(device);
    const context = this.#context(this.#files.of(group.container));
    this.#writer.call(context, { type: "DeviceAttached", device, pasid: null, ioas: null, hwpt: null }, origin);
  }

  #map(call: CallRecord, lines: InnerLines, origin: Origin): void {
    const request = mapRequest(call.fields);
    const inner = lines instanceof MapLines ? lines : new MapLines(null, 0n);
    const context = this.#driven(
      call,
      request === null ? "" : `iova ${hex(request.iova)} size ${hex(request.length)}`,
      origin,
    );
    if (context !== null) endMap(this.#writer, context, request, call.ret, inner, origin);
  }

  #unmap(call: CallRecord, lines: InnerLines, origin: Origin): void {
    const request = unmapRequest(call.fields);
    const reach = lines instanceof UnmapLines ? lines.reach : null;
    const context = this.#driven(
      call,
      request === null ? "" : `iova ${hex(request.iova)} size ${hex(request.length)}`,
      origin,
    );
    const removed = call.fields.address("size");
    if (context !== null) endUnmap(this.#writer, context, request, call.ret, removed, reach, origin);
  }

  #dirtyPages(call: CallRecord, origin: Origin): void {
    const flags = call.fields.number("flags");
    const context = this.#driven(call, `flags ${flags}`, origin);
    if (context === null) return;
    if (call.ret < 0) this.#refuse(call.file, call, `flags ${flags}`, origin);
    else if (flags === DIRTY_START) this.#writer.call(context, { type: "DirtyTrackingStarted", hwpt: null }, origin);
    else if (flags === DIRTY_STOP) this.#writer.call(context, { type: "DirtyTrackingStopped", hwpt: null }, origin);
  }

  /**
   * The context of a call that the driver answered. A container whose SET_IOMMU was not seen
   * answers EINVAL as if it had no driver; anything else shows that it had one before the
   * recording. Null: no driver, and the refusal is written.
   */
  #driven(call: CallRecord, detail: string, origin: Origin): CallContext | null {
    const known = this.#context(call.file);
    if (known.hasSpace) return known;
    if (call.ret === EINVAL) {
      this.#refuse(call.file, call, detail, origin);
      return null;
    }
    const context = known.profile === null ? known : this.#containers.begin(call.file, null);
    this.#writer.settle(context, "unknown");
    context.hasSpace = true;
    return context;
  }

  #context(file: string): CallContext {
    return this.#containers.get(file) ?? this.#containers.begin(file, null);
  }

  /** A refusal on a container that the recording names; on any other there is nothing to write it to. */
  #refuse(container: string | undefined, call: CallRecord, detail: string, origin: Origin): void {
    if (container === undefined) return;
    const event: ObservedEvent = { type: "CallRefused", call: ioctlName(call.cmd), detail };
    this.#writer.call(this.#context(this.#files.of(container)), event, origin, errnoOfNumber(-call.ret));
  }
}
