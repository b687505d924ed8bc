/**
 * Calls on a VFIO sPAPR TCE container (drivers/vfio/vfio_iommu_spapr_tce.c): their recorded outcomes as facts.
 *
 * `out.ret` above 0 means that the call failed without an errno. An unmap tells no size; it takes
 * whatever of the range is mapped.
 */
import {
  type Errno,
  type Iova,
  type ObservedEvent,
  type ProfileName,
  protOf,
  type Range,
  type Source,
  UNKNOWN_SOURCE,
} from "@ioasis/core";
import { callRefused, type Dialect, type Emit } from "./dialect.ts";
import { type Fields, lastByte, type Meta, type VectorRecord } from "./record.ts";
import { type Container, VfioContainers } from "./vfio-containers.ts";

const READ = 1;
const WRITE = 2;
const PROFILES: Readonly<Record<number, ProfileName>> = { 2: "spapr-tce", 7: "spapr-tce-v2" };
/** The default window lies below 4 GiB on every machine; nothing told how long it is. */
const DEFAULT_WINDOW: Range = { first: 0n as Iova, last: 0xffff_ffffn as Iova };

const WITHOUT_FACT = new Set(
  `api_version check_extension group_status tce_get_info raw_ioctl eeh_op dma_write dma_copy fill peek locked
   rlimit_memlock drop_caps mprotect munmap device_enable`.split(/\s+/),
);
const SESSION = new Set(
  `container_open container_close group_open group_close group_set_container group_unset_container set_iommu
   device_open device_close`.split(/\s+/),
);

export class SpaprDialect implements Dialect {
  readonly #containers: VfioContainers;

  constructor({ name, profile }: Meta) {
    const isV1 = /(^|-)v1(-|$)/.test(`${profile ?? name}`);
    this.#containers = new VfioContainers(isV1 ? "spapr-tce" : "spapr-tce-v2");
  }

  take(record: VectorRecord, emit: Emit): boolean {
    if (WITHOUT_FACT.has(record.op)) return true;
    const call = CALLS.get(record.op);
    if (call === undefined && !SESSION.has(record.op)) return false;
    const errno = failure(record);
    const container = this.#containerOf(record.input);
    if (errno !== null) emit(container.context, container.profile, refused(record), errno);
    else if (call === undefined) this.#session(record, emit);
    else for (const event of call(record, container)) emit(container.context, container.profile, event);
    return true;
  }

  #session({ op, input, output }: VectorRecord, emit: Emit): void {
    const containers = this.#containers;
    switch (op) {
      case "container_open":
        containers.open(output.string("container"));
        break;
      case "group_open":
        containers.openGroup(output.string("group"), `phb${input.number("phb")}`);
        break;
      case "group_set_container":
        containers.join(input.string("group"), input.string("container"), emit);
        break;
      case "group_unset_container":
        containers.leave(input.string("group"), emit);
        break;
      case "set_iommu":
        containers.setDriver(input.string("container"), PROFILES[input.number("type")] ?? "unknown", emit);
        break;
      case "device_open":
        containers.openDevice(output.string("dev"), input.string("group"), null, emit);
        break;
      case "group_close":
        containers.close(input.string("group"), emit);
        break;
      case "device_close":
        containers.close(input.string("dev"), emit);
    }
  }

  #containerOf(input: Fields): Container {
    return input.has("container")
      ? this.#containers.container(input.handle("container"))
      : this.#containers.containerOfGroup(input.has("group") ? input.handle("group") : null);
  }
}

type Call = (record: VectorRecord, container: Container) => ObservedEvent[];
const CALLS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["map_dma", mapped],
  ["child_map_dma", mapped],
  ["unmap_dma", unmapped],
  ["tce_create", windowCreated],
  ["tce_remove", windowRemoved],
  ["register_memory", ({ input }) => [{ type: "MemoryRegistered", va: input.u64("va"), length: input.length("size") }]],
  [
    "unregister_memory",
    ({ input }) => [{ type: "MemoryUnregistered", va: input.u64("va"), length: input.length("size") }],
  ],
  ["enable", () => []],
  ["disable", () => []],
]);

/** Why the call failed, or null; a positive return has no errno. */
function failure({ errno, output }: VectorRecord): Errno | null {
  return errno === null && output.has("ret") && output.number("ret") > 0 ? "UNKNOWN" : errno;
}

function mapped({ input }: VectorRecord): ObservedEvent[] {
  const iova = input.u64("iova");
  const last = lastByte(iova, input.u64("size"));
  if (last === null) return [];
  return [{ type: "IovaMapped", ioas: null, iova, last, prot: protOfFlags(input), source: sourceOf(input) }];
}

function unmapped({ input }: VectorRecord): ObservedEvent[] {
  const iova = input.u64("iova");
  const last = lastByte(iova, input.u64("size"));
  return last === null ? [] : [{ type: "IovaUnmapped", ioas: null, iova, last, bytes: input.length("size") }];
}

function windowCreated({ input, output }: VectorRecord, container: Container): ObservedEvent[] {
  const iova = output.u64("start_addr");
  const last = lastByte(iova, input.u64("window_size")) ?? iova;
  container.windows.set(iova, last);
  return [{ type: "WindowCreated", ioas: null, iova, last, pageSize: 1n << BigInt(input.number("page_shift")) }];
}

/** Any address inside names a window; one that no call made is the default one. */
function windowRemoved({ input }: VectorRecord, container: Container): ObservedEvent[] {
  const address = input.u64("start_addr");
  for (const [first, last] of container.windows) {
    if (address < first || address > last) continue;
    container.windows.delete(first);
    return [{ type: "WindowRemoved", ioas: null, iova: first as Iova, last: last as Iova }];
  }
  return [{ type: "WindowRemoved", ioas: null, iova: DEFAULT_WINDOW.first, last: DEFAULT_WINDOW.last }];
}

function refused(record: VectorRecord): ObservedEvent {
  const { op, input } = record;
  if (op !== "unmap_dma" && op !== "map_dma" && op !== "child_map_dma") return callRefused(record);
  const iova = input.u64("iova");
  const length = input.length("size");
  if (op === "unmap_dma") return { type: "UnmapRefused", ioas: null, iova, length };
  return { type: "MapRefused", ioas: null, iova, length, prot: protOfFlags(input), source: sourceOf(input) };
}

function protOfFlags(input: Fields) {
  const flags = input.number("flags");
  return protOf((flags & READ) !== 0, (flags & WRITE) !== 0);
}

function sourceOf(input: Fields): Source {
  return input.has("va") ? { kind: "va", va: input.u64("va") } : UNKNOWN_SOURCE;
}
