/** Calls on a VFIO type1 container (drivers/vfio/vfio_iommu_type1.c): their recorded outcomes as facts. */
import {
  type ByteLength,
  type DeviceName,
  type ObservedEvent,
  type ProfileName,
  protOf,
  type Source,
  U64_MAX,
  UNKNOWN_SOURCE,
  WHOLE_SPACE,
} from "@ioasis/core";
import { callRefused, type Dialect, type Emit } from "./dialect.ts";
import { type Fields, lastByte, type Meta, type VectorRecord } from "./record.ts";
import { type Container, VfioContainers } from "./vfio-containers.ts";

const MAP_READ = 1;
const MAP_WRITE = 2;
/** Of maps and of unmaps: only the user address behind a mapping changes. */
const VADDR = 4;
const UNMAP_ALL = 2;
const DIRTY_START = 1;
const DIRTY_STOP = 2;
const PROFILES: Readonly<Record<number, ProfileName>> = { 1: "vfio-type1", 3: "vfio-type1v2" };

const WITHOUT_FACT = new Set(
  `api_version check_extension get_info group_status locked_vm module_param rlimit_memlock drop_caps munmap mprotect
   raw_ioctl dev_enable edu_dma fill peek`.split(/\s+/),
);

export class Type1Dialect implements Dialect {
  readonly #containers: VfioContainers;
  /** Short name (`edu`) to PCI address, by the meta line. */
  readonly #addresses = new Map<string, DeviceName>();

  constructor(meta: Meta) {
    this.#containers = new VfioContainers(promisedProfile(meta));
    const { devices } = meta;
    for (const entry of Array.isArray(devices) ? devices : []) {
      const { dev, bdf } = entry as { dev?: unknown; bdf?: unknown };
      if (typeof dev === "string" && typeof bdf === "string") this.#addresses.set(dev, bdf);
    }
  }

  take(record: VectorRecord, emit: Emit): boolean {
    if (WITHOUT_FACT.has(record.op)) return true;
    if (record.op === "map_dma" || record.op === "unmap_dma" || record.op === "dirty_pages") {
      const container = this.#containers.container(record.input.handle("cont"));
      const event = record.errno === null ? done(record, container) : refused(record);
      if (event !== null) emit(container.context, container.profile, event, record.errno);
      return true;
    }
    if (!SESSION.has(record.op)) return false;
    if (record.errno === null) this.#session(record, emit);
    else {
      const container = this.#containerOf(record.input);
      emit(container.context, container.profile, callRefused(record), record.errno);
    }
    return true;
  }

  #session({ op, input, output }: VectorRecord, emit: Emit): void {
    const containers = this.#containers;
    switch (op) {
      case "container_open":
        containers.open(output.string("cont"));
        break;
      case "group_open": {
        const name = input.string("dev");
        containers.openGroup(output.string("group"), this.#addresses.get(name) ?? name);
        break;
      }
      case "set_container":
        containers.join(input.string("group"), input.string("cont"), emit);
        break;
      case "unset_container":
        containers.leave(input.string("group"), emit);
        break;
      case "set_iommu":
        containers.setDriver(input.string("cont"), PROFILES[input.number("type")] ?? "unknown", emit);
        break;
      case "get_device_fd":
        containers.openDevice(output.string("dev"), input.string("group"), input.string("name"), emit);
        break;
      case "close":
        containers.close(input.string("obj"), emit);
    }
  }

  #containerOf(input: Fields): Container {
    return input.has("cont")
      ? this.#containers.container(input.handle("cont"))
      : this.#containers.containerOfGroup(input.has("group") ? input.handle("group") : null);
  }
}

const SESSION = new Set([
  "container_open",
  "group_open",
  "set_container",
  "unset_container",
  "set_iommu",
  "get_device_fd",
  "close",
]);

/** Files of both versions are told apart by name; SET_IOMMU says it later. */
function promisedProfile({ name, profile }: Meta): ProfileName {
  const isV1 = /(^|-)v1(-|$)/.test(`${profile ?? name}`);
  return isV1 ? "vfio-type1" : "vfio-type1v2";
}

function done({ op, input, output }: VectorRecord, container: Container): ObservedEvent | null {
  const flags = input.number("flags");
  if (op === "dirty_pages") {
    if (flags !== DIRTY_START && flags !== DIRTY_STOP) return null;
    return { type: flags === DIRTY_START ? "DirtyTrackingStarted" : "DirtyTrackingStopped", hwpt: null };
  }
  if ((flags & VADDR) !== 0) return null;
  return op === "map_dma" ? mapped(input, container) : unmapped(input, output, container);
}

function mapped(input: Fields, container: Container): ObservedEvent {
  const iova = input.u64("iova");
  const last = lastByte(iova, input.u64("size")) ?? iova;
  const source = sourceOf(input);
  container.pages.add({ first: iova, last, source, writable: false });
  return { type: "IovaMapped", ioas: null, iova, last, prot: protOfFlags(input.number("flags")), source };
}

function unmapped(input: Fields, output: Fields, container: Container): ObservedEvent {
  const bytes = output.length("size");
  const isAll = (input.number("flags") & UNMAP_ALL) !== 0;
  const first = isAll ? WHOLE_SPACE.first : input.u64("iova");
  const asked = isAll ? WHOLE_SPACE.last : (lastByte(first, input.u64("size")) ?? first);
  const last = bytes === 0n ? asked : endOfUnmapped(first, asked, bytes, container);
  if (bytes > 0n) container.pages.remove(first, last);
  return { type: "IovaUnmapped", ioas: null, iova: first, last, bytes };
}

/**
 * Version 1 takes a mapping whose first byte is in the range wholly, so the bytes that it returned
 * can be more than were asked for: then the range ends where the last mapping that begins in it
 * does, if the bytes agree.
 */
function endOfUnmapped(first: typeof WHOLE_SPACE.first, asked: typeof first, bytes: ByteLength, container: Container) {
  if (container.profile !== "vfio-type1") return asked;
  const taken = container.pages.in(first, asked).filter((piece) => piece.first >= first);
  const end = taken.at(-1)?.last ?? 0n;
  const sum = taken.reduce((total, piece) => total + piece.last - piece.first + 1n, 0n);
  return end > asked && end <= U64_MAX && sum === bytes ? (end as typeof first) : asked;
}

function refused(record: VectorRecord): ObservedEvent {
  const { op, input } = record;
  const flags = input.number("flags");
  if (op === "dirty_pages" || (flags & VADDR) !== 0) return callRefused(record);
  const iova = input.u64("iova");
  const length = input.length("size");
  if (op === "unmap_dma") return { type: "UnmapRefused", ioas: null, iova, length };
  return { type: "MapRefused", ioas: null, iova, length, prot: protOfFlags(flags), source: sourceOf(input) };
}

function protOfFlags(flags: number) {
  return protOf((flags & MAP_READ) !== 0, (flags & MAP_WRITE) !== 0);
}

/** An address in a device's own register window is not told. */
function sourceOf(input: Fields): Source {
  return input.has("va") ? { kind: "va", va: input.u64("va") } : UNKNOWN_SOURCE;
}
