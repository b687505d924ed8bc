/** The calls of a plan as JSON, in the words of the driver that they are made to. */
import { hex, lengthOf } from "../address.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";
import { rangeToJson } from "../value-json.ts";
import type { Dialect, Step } from "./step.ts";

type Json = Readonly<Record<string, unknown>>;
type CallName = readonly [call: string, undo: string | null];
type Names = Readonly<Partial<Record<Step["op"], CallName>>>;

/** Each call, and the one that takes it back. Null: nothing of its own; it goes with its container or ioas. */
const IOMMUFD: Names = {
  "rlimit-mode": ["IOMMU_OPTION", "IOMMU_OPTION"],
  space: ["IOMMU_IOAS_ALLOC", "IOMMU_DESTROY"],
  "large-pages-off": ["IOMMU_OPTION", "IOMMU_OPTION"],
  reserve: ["IOMMU_TEST_OP_ADD_RESERVED", null],
  allow: ["IOMMU_IOAS_ALLOW_IOVAS", "IOMMU_IOAS_ALLOW_IOVAS"],
  bind: ["VFIO_DEVICE_BIND_IOMMUFD", "close"],
  "page-table": ["IOMMU_HWPT_ALLOC", "IOMMU_DESTROY"],
  attach: ["VFIO_DEVICE_ATTACH_IOMMUFD_PT", "VFIO_DEVICE_DETACH_IOMMUFD_PT"],
  map: ["IOMMU_IOAS_MAP", "IOMMU_IOAS_UNMAP"],
  copy: ["IOMMU_IOAS_COPY", "IOMMU_IOAS_UNMAP"],
  "track-dirty": ["IOMMU_HWPT_SET_DIRTY_TRACKING", "IOMMU_HWPT_SET_DIRTY_TRACKING"],
  "vfio-ioas": ["IOMMU_VFIO_IOAS", "IOMMU_VFIO_IOAS"],
};
const VFIO: Names = {
  join: ["VFIO_GROUP_SET_CONTAINER", "VFIO_GROUP_UNSET_CONTAINER"],
  // It ends when the last group leaves.
  space: ["VFIO_SET_IOMMU", "VFIO_GROUP_UNSET_CONTAINER"],
  "open-device": ["VFIO_GROUP_GET_DEVICE_FD", "close"],
  enable: ["VFIO_IOMMU_ENABLE", "VFIO_IOMMU_DISABLE"],
  "default-window": ["VFIO_IOMMU_SPAPR_TCE_GET_INFO", null],
  "drop-default-window": ["VFIO_IOMMU_SPAPR_TCE_REMOVE", null],
  register: ["VFIO_IOMMU_SPAPR_REGISTER_MEMORY", "VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY"],
  window: ["VFIO_IOMMU_SPAPR_TCE_CREATE", "VFIO_IOMMU_SPAPR_TCE_REMOVE"],
  map: ["VFIO_IOMMU_MAP_DMA", "VFIO_IOMMU_UNMAP_DMA"],
};
const VIRTIO: Names = {
  space: ["VIRTIO_IOMMU_T_ATTACH", "VIRTIO_IOMMU_T_DETACH"],
  attach: ["VIRTIO_IOMMU_T_ATTACH", "VIRTIO_IOMMU_T_DETACH"],
  map: ["VIRTIO_IOMMU_T_MAP", "VIRTIO_IOMMU_T_UNMAP"],
};
/** include/uapi/linux/vfio.h. */
const VFIO_IOMMU: Readonly<Partial<Record<Dialect, string>>> = {
  "vfio-type1": "VFIO_TYPE1_IOMMU",
  "vfio-type1v2": "VFIO_TYPE1v2_IOMMU",
  "spapr-tce": "VFIO_SPAPR_TCE_IOMMU",
  "spapr-tce-v2": "VFIO_SPAPR_TCE_v2_IOMMU",
};

/** The name of a step's call, and of the call that takes it back. */
export function callNames(step: Step, dialect: Dialect): CallName {
  if (dialect === "iommufd") {
    if (step.op === "map" && isFile(step.source)) return ["IOMMU_IOAS_MAP_FILE", "IOMMU_IOAS_UNMAP"];
    return IOMMUFD[step.op] ?? [step.op, null];
  }
  return (dialect === "virtio-iommu" ? VIRTIO : VFIO)[step.op] ?? [step.op, null];
}

/** `{"call":"IOMMU_IOAS_MAP",...,"undo":"IOMMU_IOAS_UNMAP"}` */
export function callOf(step: Step, dialect: Dialect): Json {
  const [call, undo] = callNames(step, dialect);
  return { call, ...argumentsOf(step, dialect), undo };
}

function argumentsOf(step: Step, dialect: Dialect): Json {
  switch (step.op) {
    case "rlimit-mode":
      return { option: "IOMMU_OPTION_RLIMIT_MODE", value: step.mode === "mm" ? 1 : 0 };
    case "space":
      return spaceArguments(step, dialect);
    case "large-pages-off":
      return { option: "IOMMU_OPTION_HUGE_PAGES", ioas: ioas(step.space), value: 0 };
    case "reserve":
      return { ioas: ioas(step.space), ...ends(step.range) };
    case "allow":
      return { ioas: ioas(step.space), ranges: step.ranges.map(rangeToJson) };
    case "bind":
      return { device: step.device };
    case "page-table":
      return {
        hwpt: hwpt(step.hwpt),
        ioas: ioas(step.space),
        device: step.device,
        flags: [
          ...(step.nestParent ? ["IOMMU_HWPT_ALLOC_NEST_PARENT"] : []),
          ...(step.dirtyTracking ? ["IOMMU_HWPT_ALLOC_DIRTY_TRACKING"] : []),
          ...(step.takesPasids ? ["IOMMU_HWPT_ALLOC_PASID"] : []),
        ],
        pageSize: step.pageSize === null ? null : hex(step.pageSize),
        aperture: step.aperture === null ? null : rangeToJson(step.aperture),
      };
    case "attach":
      return attachArguments(step, dialect);
    case "join":
      return { group: step.group, devices: step.devices, ioas: ioas(step.space) };
    case "open-device":
      return { group: step.group, device: step.device };
    case "enable":
      return { ioas: ioas(step.space) };
    case "register":
      return { ioas: ioas(step.space), va: hex(step.va), length: hex(step.length), note: VA_NOTE };
    case "drop-default-window":
      return { ioas: ioas(step.space), iova: "0x0" };
    case "window":
      return { ioas: ioas(step.space), ...ends(step.range), pageSize: hex(step.pageSize), levels: 1 };
    case "default-window":
      return { ioas: ioas(step.space), ...ends(step.range), pageSize: hex(step.pageSize) };
    case "map":
      return { ioas: ioas(step.space), ...ends(step.range), prot: step.prot, ...sourceArguments(step.source) };
    case "copy": {
      const from = { ioas: ioas(step.from.space), iova: hex(step.from.first) };
      return { ioas: ioas(step.space), ...ends(step.range), prot: step.prot, from };
    }
    case "track-dirty":
      return { hwpt: hwpt(step.hwpt), enable: true };
    case "vfio-ioas":
      return { operation: "SET", ioas: ioas(step.space) };
  }
}

function spaceArguments({ space, kernelId, bypass }: Extract<Step, { op: "space" }>, dialect: Dialect): Json {
  if (dialect === "iommufd") return { ioas: ioas(space) };
  if (dialect === "virtio-iommu") return { ioas: ioas(space), domain: kernelId, endpoint: null, ...bypassFlag(bypass) };
  return { ioas: ioas(space), iommu: VFIO_IOMMU[dialect] };
}

function attachArguments(
  { device, pasid, space, hwpt: table, bypass }: Extract<Step, { op: "attach" }>,
  dialect: Dialect,
): Json {
  const target = table === null ? { ioas: ioas(space) } : { hwpt: hwpt(table) };
  const who = dialect === "virtio-iommu" ? { endpoint: device } : { device };
  return { ...who, ...(pasid === null ? {} : { pasid }), ...target, ...bypassFlag(bypass) };
}

function bypassFlag(bypass: true | undefined): Json {
  return bypass === true ? { flags: ["VIRTIO_IOMMU_ATTACH_F_BYPASS"] } : {};
}

const VA_NOTE = "the VMM gives its own address of the same memory";

function sourceArguments(source: Source): Json {
  const told = (value: Json, note: string | null): Json =>
    note === null ? { source: value } : { source: value, note };
  switch (source.kind) {
    case "va":
    case "copy":
      return told({ kind: "va", va: hex(source.va) }, VA_NOTE);
    case "file":
      return told({ kind: "file", file: `fd${source.fd}`, start: hex(source.start) }, null);
    case "dmabuf":
      return told(
        { kind: "dmabuf", file: `fd${source.fd}`, start: hex(source.start) },
        "a buffer of a device of the old host",
      );
    case "gpa":
      return told({ kind: "gpa", gpa: hex(source.gpa) }, null);
    case "paddr":
      return told(
        { kind: "paddr", paddr: hex(source.paddr) },
        "a physical address of the old host: which memory it was is not told",
      );
    case "unknown":
      return told({ kind: "unknown" }, "the recording does not tell what is mapped here");
  }
}

function isFile({ kind }: Source): boolean {
  return kind === "file" || kind === "dmabuf";
}

/** Both ends and the length: fixed, where it was. */
function ends({ first, last }: Range): Json {
  return { iova: hex(first), last: hex(last), length: hex(lengthOf(first, last)) };
}

export function ioas(handle: number): string {
  return `ioas${handle}`;
}

export function hwpt(handle: number): string {
  return `hwpt${handle}`;
}
