/**
 * QEMU's own use of iommufd (backends/iommufd.c from 9.0, hw/vfio/iommufd.c): the best record that
 * QEMU makes, logged after each ioctl with its return value (0 or -1, not the errno).
 *
 * Each iommufd fd is a context. Releases differ in the number in parentheses that 9.0 also printed
 * behind connect and alloc_ioas, and in fields that were added before it.
 */
import { iova as asIova, byteLength, fits, lastOf, type ObservedEvent, protOf, type Source } from "@ioasis/core";
import type { EventFamily, Handler } from "./handler.ts";
import { type HeldCall, mapped, refused } from "./held-call.ts";
import { IommufdObjects } from "./iommufd-objects.ts";
import type { TraceLine } from "./trace-line.ts";

const FDS_MAX = 1_024;
const HWPT_NEST_PARENT = 0x1n;
const HWPT_DIRTY_TRACKING = 0x2n;

export class IommufdBackend implements EventFamily {
  readonly handlers: Readonly<Record<string, Handler>> = {
    iommufd_backend_connect: (line) => this.#connect(line),
    iommufd_backend_disconnect: (line) => this.#disconnect(line),
    iommufd_backend_alloc_ioas: (line) => this.#allocIoas(line, "iommufd=", "ioas="),
    iommufd_cdev_alloc_ioas: (line) => this.#allocIoas(line, "[iommufd=", "ioasid="),
    iommufd_backend_free_id: (line) => this.#freeId(line),
    iommufd_backend_map_dma: (line) => this.#map(line, true),
    iommufd_backend_map_file_dma: (line) => this.#map(line, false),
    iommufd_backend_unmap_dma: (line) => this.#unmap(line),
    iommufd_backend_unmap_dma_non_exist: (line) => this.#unmapOfNothing(line),
    iommufd_backend_alloc_hwpt: (line) => this.#allocHwpt(line),
    iommufd_backend_set_dirty: (line) => this.#setDirty(line),
    iommufd_backend_get_dirty_bitmap: (line) => this.#other(line, "IOMMU_HWPT_GET_DIRTY_BITMAP"),
    iommufd_backend_invalidate_cache: (line) => this.#other(line, "IOMMU_HWPT_INVALIDATE"),
    iommufd_backend_alloc_viommu: (line) => this.#other(line, "IOMMU_VIOMMU_ALLOC"),
    iommufd_backend_alloc_vdev: (line) => this.#other(line, "IOMMU_VDEVICE_ALLOC"),
    iommufd_change_process: (line) => this.#other(line, "IOMMU_IOAS_CHANGE_PROCESS"),
    iommufd_cdev_connect_and_bind: (line) => this.#bind(line),
    iommufd_cdev_attach_ioas_hwpt: (line) => this.#attach(line),
    iommufd_cdev_detach_ioas_hwpt: (line) => this.#detach(line),
  };
  readonly #held: HeldCall;
  readonly #objects = new Map<number, IommufdObjects>();
  #newestFd: number | null = null;

  constructor(held: HeldCall) {
    this.#held = held;
  }

  /** Where an error message belongs that names no fd. */
  get newestContext(): string {
    return this.#newestFd === null ? "iommufd" : contextOf(this.#newestFd);
  }

  #of(fd: number): IommufdObjects {
    this.#newestFd = fd;
    let objects = this.#objects.get(fd);
    if (objects === undefined) {
      if (this.#objects.size >= FDS_MAX) this.#objects.clear();
      objects = new IommufdObjects();
      this.#objects.set(fd, objects);
    }
    return objects;
  }

  #fact(line: TraceLine, fd: number, event: ObservedEvent): void {
    line.fact(contextOf(fd), "iommufd", event);
  }

  #connect(line: TraceLine): void {
    const fd = line.decimal("fd=");
    if (line.isWhole() && fd >= 0) this.#of(fd);
  }

  /** The last user closes the fd, and only then is it printed as -1: everything in it is gone. */
  #disconnect(line: TraceLine): void {
    const fd = line.decimal("fd=");
    const users = line.decimal("users=");
    if (!line.isWhole() || fd !== -1 || users !== 0 || this.#objects.size !== 1) return;
    this.#held.settle(line);
    for (const [closed, objects] of this.#objects) for (const event of objects.close()) this.#fact(line, closed, event);
    this.#objects.clear();
    this.#newestFd = null;
  }

  #allocIoas(line: TraceLine, fdKey: string, idKey: string): void {
    const fd = line.decimal(fdKey);
    const id = line.decimal(idKey);
    if (!line.isWhole()) return;
    this.#held.settle(line);
    if (result(line) !== 0) {
      this.#refuse(line, fd, "IOMMU_IOAS_ALLOC", "");
      return;
    }
    // Both the backend and the VFIO device log it.
    if (this.#of(fd).addIoas(id)) this.#fact(line, fd, { type: "IoasAllocated", ioas: id, kernelId: id });
  }

  #freeId(line: TraceLine): void {
    const fd = line.decimal("iommufd=");
    const id = line.decimal("id=");
    if (!line.isWhole()) return;
    this.#held.settle(line);
    if (result(line) !== 0) {
      this.#refuse(line, fd, "IOMMU_DESTROY", `id=${id}`);
      return;
    }
    const event = this.#of(fd).free(id);
    if (event !== null) this.#fact(line, fd, event);
  }

  #map(line: TraceLine, isUserMemory: boolean): void {
    const fd = line.decimal("iommufd=");
    const ioas = line.decimal("ioas=");
    const iova = line.hex("iova=");
    const length = line.hex("size=");
    const source = isUserMemory ? userSource(line) : fileSource(line);
    const prot = protOf(true, line.decimal("readonly=") === 0);
    if (!line.isWhole()) return;
    this.#held.supersede(iova, line);
    const space = this.#of(fd).ioas(ioas);
    const event = mapped(ioas, iova, length, prot, source);
    if (result(line) !== 0) {
      const call = { context: contextOf(fd), profile: "iommufd", ioas, direction: "map" } as const;
      this.#held.hold({ ...call, iova, length, prot, source, outcome: "refused" }, line);
    } else if (event === null) line.problem("the mapping does not fit into 64 bits");
    else {
      space.map(iova, iova + length - 1n);
      this.#fact(line, fd, event);
    }
  }

  #unmap(line: TraceLine): void {
    const fd = line.decimal("iommufd=");
    const ioas = line.decimal("ioas=");
    const iova = asIova(line.hex("iova="));
    const length = line.hex("size=");
    if (!line.isWhole()) return;
    this.#held.supersede(iova, line);
    const space = this.#of(fd).ioas(ioas);
    if (result(line) !== 0) {
      const call = { context: contextOf(fd), profile: "iommufd", ioas, direction: "unmap", iova, length } as const;
      this.#held.hold({ ...call, prot: "unknown", source: { kind: "unknown" }, outcome: "refused" }, line);
      return;
    }
    // A length that reaches beyond the last byte is how everything is unmapped.
    const last = fits(iova, length) ? lastOf(iova, length) : asIova(0xffff_ffff_ffff_ffffn);
    const taken = space.unmap(iova, last);
    const bytes = space.isWhole && taken > 0n ? taken : byteLength(length);
    this.#fact(line, fd, { type: "IovaUnmapped", ioas, iova, last, bytes });
  }

  /** The ioctl said ENOENT, which QEMU takes for success. */
  #unmapOfNothing(line: TraceLine): void {
    const fd = line.decimal("iommufd=");
    const ioas = line.decimal("ioas=");
    const iova = line.hex("iova=");
    const length = line.hex("size=");
    if (!line.isWhole()) return;
    this.#held.supersede(iova, line);
    this.#of(fd).ioas(ioas);
    const call = { context: contextOf(fd), profile: "iommufd", ioas, direction: "unmap", iova, length } as const;
    const event = refused({ ...call, prot: "unknown", source: { kind: "unknown" } });
    line.fact(contextOf(fd), "iommufd", event, "ENOENT");
  }

  #allocHwpt(line: TraceLine): void {
    const fd = line.decimal("iommufd=");
    const parent = line.decimal("pt_id=");
    const flags = line.hex("flags=");
    const id = line.decimal("out_hwpt=");
    if (!line.isWhole()) return;
    this.#held.settle(line);
    if (result(line) !== 0) {
      this.#refuse(line, fd, "IOMMU_HWPT_ALLOC", `pt_id=${parent}`);
      return;
    }
    const ioas = this.#of(fd).addHwpt(id, parent);
    this.#fact(line, fd, {
      type: "HwptAllocated",
      hwpt: id,
      ioas,
      kernelId: id,
      auto: false,
      pageSize: null,
      aperture: null,
      dirtyTracking: (flags & HWPT_DIRTY_TRACKING) !== 0n,
      nestParent: (flags & HWPT_NEST_PARENT) !== 0n,
    });
  }

  #setDirty(line: TraceLine): void {
    const fd = line.decimal("iommufd=");
    const hwpt = line.decimal("hwpt=");
    const isOn = line.decimal("enable=") !== 0;
    if (!line.isWhole()) return;
    if (result(line) !== 0) {
      this.#refuse(line, fd, "IOMMU_HWPT_SET_DIRTY_TRACKING", `hwpt=${hwpt}`);
      return;
    }
    this.#fact(line, fd, { type: isOn ? "DirtyTrackingStarted" : "DirtyTrackingStopped", hwpt });
  }

  /** A call that changes no address space: only its failure is worth an event. */
  #other(line: TraceLine, call: string): void {
    const detail = line.text.slice(line.at).trim();
    const fd = line.decimal("fd=");
    const returned = result(line);
    // iommufd_change_process prints whether it went well, the others what ioctl() returned.
    const isRefused = call === "IOMMU_IOAS_CHANGE_PROCESS" ? returned === 0 : returned !== 0;
    if (line.isWhole() && isRefused) this.#refuse(line, fd, call, detail);
  }

  #bind(line: TraceLine): void {
    const fd = line.decimal("[iommufd=");
    const device = line.word("bound device ", " (");
    const kernelId = line.decimal("devid=");
    if (!line.isWhole()) return;
    this.#of(fd).devices.add(device);
    this.#fact(line, fd, { type: "DeviceBound", device, kernelId, group: null });
  }

  #attach(line: TraceLine): void {
    const fd = line.decimal("[iommufd=");
    const device = line.word("attached device ", " (");
    const id = line.decimal("to id=");
    if (!line.isWhole()) return;
    this.#held.settle(line);
    const target = this.#of(fd).target(id);
    this.#fact(line, fd, { type: "DeviceAttached", device, pasid: null, ...target });
  }

  #detach(line: TraceLine): void {
    const fd = line.decimal("[iommufd=");
    const device = line.word("detached ", "\n").trim();
    if (!line.isWhole()) return;
    this.#held.settle(line);
    this.#of(fd);
    this.#fact(line, fd, { type: "DeviceDetached", device, pasid: null });
  }

  #refuse(line: TraceLine, fd: number, call: string, detail: string): void {
    line.fact(contextOf(fd), "iommufd", { type: "CallRefused", call, detail }, "UNKNOWN");
  }
}

function contextOf(fd: number): string {
  return `iommufd=${fd}`;
}

/** The last number of the line, in parentheses; 0 where the release does not print one. */
function result(line: TraceLine): number {
  const open = line.text.lastIndexOf("(");
  if (open < line.at) return 0;
  line.at = open;
  return line.decimal("(");
}

function userSource(line: TraceLine): Source {
  return { kind: "va", va: line.hex("addr=") };
}

function fileSource(line: TraceLine): Source {
  const fd = line.decimal("fd=");
  const start = line.decimal("start=");
  return { kind: "file", fd, start: BigInt(start) };
}
