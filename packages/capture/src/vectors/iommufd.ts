/** Calls on /dev/iommu and on VFIO character devices: their recorded outcomes as facts. */
import { type DeviceName, type ObservedEvent, protOf, type Source, U64_MAX, UNKNOWN_SOURCE } from "@ioasis/core";
import { callRefused, type Dialect, type Emit } from "./dialect.ts";
import { IommufdTables, type TableTraits } from "./iommufd-tables.ts";
import { MappedPages, type MappedPiece } from "./mapped-pages.ts";
import { Fields, lastByte, type Meta, type VectorRecord } from "./record.ts";

const FIXED_IOVA = 1;
const WRITEABLE = 2;
const READABLE = 4;
const OPTION_RLIMIT_MODE = 0;
const OPTION_HUGE_PAGES = 1;
const OPTION_SET = 0;

/** Reads, probes and the test's own environment: they change no space. */
const WITHOUT_FACT = new Set(
  `iova_ranges check_map check_refs get_dirty mock_dirty hw_info access_pages_destroy access_rw munmap mprotect
   rlimit_memlock drop_caps mem_limit fill peek read_file raw_ioctl vfio_enable edu_dma memfd`.split(/\s+/),
);

export class IommufdDialect implements Dialect {
  readonly #mockTraits: TableTraits;
  readonly #tables = new IommufdTables();
  /** By kernel id of the living space. */
  readonly #pages = new Map<number, MappedPages>();
  /** VFIO character devices by handle: the name of the device file. */
  readonly #vfio = new Map<string, DeviceName>();
  readonly #bound = new Set<DeviceName>();
  /** In-kernel users by handle: whether they pin. */
  readonly #pins = new Map<string, boolean>();

  constructor(meta: Meta) {
    this.#mockTraits = traitsOf(meta);
  }

  take(record: VectorRecord, emit: Emit): boolean {
    if (WITHOUT_FACT.has(record.op)) return true;
    const handler = HANDLERS.get(record.op);
    if (handler === undefined) return false;
    const events = record.errno === null ? handler.call(this, record.input, record.output) : [refused(record)];
    for (const event of events) emit("", "iommufd", event, record.errno);
    return true;
  }

  map(input: Fields, output: Fields): ObservedEvent[] {
    return [this.#mapped(input, input.number("ioas_id"), output.u64("iova"), input.u64("length"), sourceOf(input))];
  }

  copy(input: Fields, output: Fields): ObservedEvent[] {
    const length = input.u64("length");
    const from = input.u64("src_iova");
    const to = output.u64("dst_iova");
    const ioas = input.number("dst_id");
    const pieces = this.#pages.get(input.number("src_id"))?.covering(from, from + length - 1n) ?? null;
    if (pieces === null) return [this.#mapped(input, ioas, to, length, UNKNOWN_SOURCE)];
    return pieces.map((piece) => {
      const iova = to + piece.first - from;
      return this.#mapped(input, ioas, iova, piece.last - piece.first + 1n, copied(piece), piece.writable);
    });
  }

  #mapped(
    input: Fields,
    ioas: number,
    start: bigint,
    length: bigint,
    source: Source,
    writable = (input.number("flags") & WRITEABLE) !== 0,
  ): ObservedEvent {
    const iova = start as ReturnType<Fields["u64"]>;
    const last = lastByte(iova, length) ?? iova;
    let pages = this.#pages.get(ioas);
    if (pages === undefined) this.#pages.set(ioas, (pages = new MappedPages()));
    pages.add({ first: iova, last, source, writable });
    return { type: "IovaMapped", ioas, iova, last, prot: protOfFlags(input.number("flags")), source };
  }

  unmap(input: Fields, output: Fields): ObservedEvent[] {
    const ioas = input.number("ioas_id");
    const iova = input.u64("iova");
    const length = input.u64("length");
    const isAll = iova === 0n && length === U64_MAX;
    const last = isAll ? (U64_MAX as typeof iova) : (lastByte(iova, length) ?? iova);
    this.#pages.get(ioas)?.remove(iova, last);
    return [{ type: "IovaUnmapped", ioas, iova, last, bytes: output.length("length") }];
  }

  ioasAlloc(_input: Fields, output: Fields): ObservedEvent[] {
    const id = output.number("id");
    this.#pages.set(id, new MappedPages());
    return [{ type: "IoasAllocated", ioas: id, kernelId: id }];
  }

  destroy(input: Fields): ObservedEvent[] {
    const handle = input.handle("obj") ?? "";
    const id = input.number("obj_id");
    if (handle.startsWith("ioas")) {
      this.#pages.delete(id);
      return [{ type: "IoasDestroyed", ioas: id }];
    }
    if (handle.startsWith("hwpt")) {
      this.#tables.destroyed(handle);
      return [{ type: "HwptDestroyed", hwpt: id }];
    }
    return handle.startsWith("dev")
      ? [...this.#tables.detached(handle), { type: "DeviceUnbound", device: handle }]
      : [];
  }

  allowIovas(input: Fields): ObservedEvent[] {
    return [{ type: "IovasAllowed", ioas: input.number("ioas_id"), ranges: input.ranges("ranges") }];
  }

  addReserved(input: Fields): ObservedEvent[] {
    const iova = input.u64("start");
    const last = lastByte(iova, input.u64("length")) ?? iova;
    return [{ type: "IovaReserved", ioas: input.number("ioas_id"), owner: "user", iova, last }];
  }

  option(input: Fields): ObservedEvent[] {
    if (input.number("option_op") !== OPTION_SET) return [];
    const isOne = input.u64("val64") === 1n;
    switch (input.number("option_id")) {
      case OPTION_HUGE_PAGES:
        return [{ type: isOne ? "LargePagesEnabled" : "LargePagesDisabled", ioas: input.number("obj_id") }];
      case OPTION_RLIMIT_MODE:
        return [{ type: "RlimitModeSet", mode: isOne ? "mm" : "user" }];
      default:
        return [];
    }
  }

  mockDomain(input: Fields, output: Fields): ObservedEvent[] {
    const device = output.string("dev");
    const ids = { kernelId: output.number("idev_id"), objectId: output.number("dev_id") };
    const bound: ObservedEvent = { type: "DeviceBound", device, group: null, ...ids };
    return [bound, ...this.#tables.attached(device, input, output, this.#mockTraits)];
  }

  mockReplace(input: Fields, output: Fields): ObservedEvent[] {
    return this.#tables.attached(input.string("dev"), input, output, this.#mockTraits);
  }

  hwptAlloc(input: Fields, output: Fields): ObservedEvent[] {
    const isMock = input.string("idev").startsWith("idev");
    return [this.#tables.allocated(input, output, isMock ? this.#mockTraits : NOT_TOLD)];
  }

  setDirty(input: Fields): ObservedEvent[] {
    const isStart = (input.number("flags") & 1) !== 0;
    return [{ type: isStart ? "DirtyTrackingStarted" : "DirtyTrackingStopped", hwpt: input.number("hwpt_id") }];
  }

  createAccess(input: Fields, output: Fields): ObservedEvent[] {
    const access = output.string("access");
    const pins = (input.number("flags") & 1) !== 0;
    this.#pins.set(access, pins);
    return [{ type: "AccessAttached", access, kernelId: null, ioas: input.number("ioas_id"), pins }];
  }

  accessReplace(input: Fields): ObservedEvent[] {
    const access = input.string("access");
    const pins = this.#pins.get(access) ?? false;
    return [{ type: "AccessAttached", access, kernelId: null, ioas: input.number("ioas_id"), pins }];
  }

  closeAccess(input: Fields): ObservedEvent[] {
    return [{ type: "AccessClosed", access: input.string("access") }];
  }

  vfioOpen(input: Fields, output: Fields): ObservedEvent[] {
    const path = input.string("path");
    this.#vfio.set(output.string("vdev"), path.slice(path.lastIndexOf("/") + 1));
    return [];
  }

  vfioBind(input: Fields, output: Fields): ObservedEvent[] {
    const device = this.#device(input);
    this.#bound.add(device);
    return [{ type: "DeviceBound", device, kernelId: output.number("id"), group: null }];
  }

  vfioAttach(input: Fields, output: Fields): ObservedEvent[] {
    return this.#tables.attached(this.#device(input), input, output, NOT_TOLD);
  }

  vfioDetach(input: Fields): ObservedEvent[] {
    return this.#tables.detached(this.#device(input));
  }

  vfioClose(input: Fields): ObservedEvent[] {
    const device = this.#device(input);
    const events = this.#tables.detached(device);
    return this.#bound.delete(device) ? [...events, { type: "DeviceUnbound", device }] : events;
  }

  /** Calls that change nothing of a space when they succeed. */
  nothing(): ObservedEvent[] {
    return [];
  }

  #device(input: Fields): DeviceName {
    const handle = input.string("vdev");
    return this.#vfio.get(handle) ?? handle;
  }
}

type Handler = (this: IommufdDialect, input: Fields, output: Fields) => ObservedEvent[];
const calls = IommufdDialect.prototype;
const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ["map", calls.map],
  ["map_file", calls.map],
  ["copy", calls.copy],
  ["unmap", calls.unmap],
  ["ioas_alloc", calls.ioasAlloc],
  ["destroy", calls.destroy],
  ["allow_iovas", calls.allowIovas],
  ["add_reserved", calls.addReserved],
  ["option", calls.option],
  ["mock_domain", calls.mockDomain],
  ["mock_replace", calls.mockReplace],
  ["hwpt_alloc", calls.hwptAlloc],
  ["set_dirty", calls.setDirty],
  ["create_access", calls.createAccess],
  ["access_replace_ioas", calls.accessReplace],
  ["close_access", calls.closeAccess],
  ["access_pages", calls.nothing],
  ["vfio_open", calls.vfioOpen],
  ["vfio_bind", calls.vfioBind],
  ["vfio_attach", calls.vfioAttach],
  ["vfio_detach", calls.vfioDetach],
  ["vfio_close", calls.vfioClose],
  ["vfio_ioas", calls.nothing],
  ["change_process", calls.nothing],
]);

const NOT_TOLD: TableTraits = { pageSize: null, aperture: null };

/** The mock device's io page size and aperture, which the meta line tells. */
function traitsOf(meta: Meta): TableTraits {
  const told = new Fields("meta", meta);
  if (!["mock_io_page_size", "mock_aperture_start", "mock_aperture_last"].every((name) => told.has(name)))
    return NOT_TOLD;
  const aperture = { first: told.u64("mock_aperture_start"), last: told.u64("mock_aperture_last") };
  return { pageSize: BigInt(told.number("mock_io_page_size")), aperture };
}

function refused(record: VectorRecord): ObservedEvent {
  const { op, input } = record;
  switch (op) {
    case "map":
    case "map_file":
      return mapRefused(input, input.number("ioas_id"), "iova", sourceOf(input));
    case "copy":
      return mapRefused(input, input.number("dst_id"), "dst_iova", UNKNOWN_SOURCE);
    case "unmap": {
      const ioas = input.number("ioas_id");
      return { type: "UnmapRefused", ioas, iova: input.u64("iova"), length: input.length("length") };
    }
    default:
      return callRefused(record);
  }
}

function mapRefused(input: Fields, ioas: number, iovaField: string, source: Source): ObservedEvent {
  const flags = input.number("flags");
  const iova = (flags & FIXED_IOVA) !== 0 ? input.u64(iovaField) : null;
  return { type: "MapRefused", ioas, iova, length: input.length("length"), prot: protOfFlags(flags), source };
}

function protOfFlags(flags: number) {
  return protOf((flags & READABLE) !== 0, (flags & WRITEABLE) !== 0);
}

function sourceOf(input: Fields): Source {
  if (input.has("va")) return { kind: "va", va: input.u64("va") };
  if (input.has("start")) return { kind: "file", fd: fileOf(input), start: input.u64("start") };
  return UNKNOWN_SOURCE;
}

/** A file is named by its handle (`memfd0`), whose number stands for the descriptor that is not told. */
function fileOf(input: Fields): number {
  const handle = /^memfd(\d{1,9})$/.exec(input.textOf("fd"));
  if (handle !== null) return Number(handle[1]);
  return input.has("fd") ? input.number("fd") : -1;
}

/** Only pages of a user address are named by it; of a file they are the file's. */
function copied({ source, writable }: MappedPiece): Source {
  return source.kind === "va" || source.kind === "copy" ? { kind: "copy", va: source.va, writable } : source;
}
