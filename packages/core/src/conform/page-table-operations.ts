/** Operations on page tables: allocation, dirty tracking, and the self-test's looks into them. */
import { hex } from "../address.ts";
import { allocHwptEvents } from "../decide/attachment.ts";
import { decide } from "../decide/decide.ts";
import { objectOf } from "../decide/objects.ts";
import type { DeviceName } from "../events.ts";
import { IoasisError } from "../failure.ts";
import { type Checked, NOTHING, plain } from "./operation.ts";
import { handleNumber, outOf } from "./recorded.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";
import { frameOf } from "./space-operations.ts";

const BITMAP_BITS_MAX = 1n << 30n;

export const hwptAlloc: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "AllocHwpt",
      flags: given.number("flags"),
      deviceId: given.number("idev_id"),
      ptId: given.number("pt_id"),
      dataType: given.number("data_type"),
      dataLength: given.number("data_len"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"AllocHwpt">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { hwpt: `hwpt${out.hwpt}`, id: out.hwptId } };
  },
  follow(step, { state, environment }) {
    const flags = step.in.number("flags");
    const device = objectOf(state, step.in.number("idev_id"));
    const parent = objectOf(state, step.in.number("pt_id"));
    const traits = device?.kind === "device" ? environment.devices.get(device.device) : undefined;
    if (traits === undefined || (parent?.kind !== "ioas" && parent?.kind !== "hwpt")) return [];
    const nested = parent.kind === "hwpt" ? parent.hwpt : null;
    return allocHwptEvents({
      handle: state.hwpts.length,
      kernelId: outOf(step).number("id"),
      ioas: parent.kind === "ioas" ? parent.space.handle : parent.hwpt.ioas,
      auto: false,
      pageSize: nested === null ? traits.pageSize : null,
      aperture: nested === null ? (traits.unattachedAperture ?? traits.aperture) : null,
      dirtyTracking: nested === null && (flags & 2) !== 0,
      nestParent: nested === null && (flags & 1) !== 0,
      parent: nested?.handle ?? null,
      isTracking: false,
    });
  },
};

/** Notes a page table, on the step that makes it for `device`, as one whose dirty bits the calls do not decide. */
export function rememberTable(step: Step, replay: Replay, device: DeviceName | null): void {
  const handle = handleNumber(outOf(step).text("hwpt"));
  if (handle < replay.nextNumber("hwpt")) return;
  replay.count("hwpt", handle);
  if (device !== null && replay.environment.devices.get(device)?.mapsLargePages === true)
    replay.opaqueTables.add(handle);
}

/** The device with this id, its own or that of its bound object. */
export function deviceOf({ state }: Replay, id: number): DeviceName | null {
  const object = objectOf(state, id);
  return object?.kind === "device" || object?.kind === "selftest" ? object.device : null;
}

export const setDirty: Checked = {
  decide({ in: given }, replay) {
    const [hwptId, flags] = [given.number("hwpt_id"), given.number("flags")];
    const command = { command: "SetDirtyTracking", hwptId, flags, ...frameOf(given) } as const;
    const outcome = decide<"SetDirtyTracking">(replay.state, command, replay.profile, replay.environment);
    const clears = outcome.out?.clears ?? null;
    return { ...plain(outcome), ...(clears === null ? {} : { remember: () => replay.clearDirtyPages(clears) }) };
  },
  follow({ in: given }, { state }) {
    const object = objectOf(state, given.number("hwpt_id"));
    if (object?.kind !== "hwpt") return [];
    const type = (given.number("flags") & 1) !== 0 ? "DirtyTrackingStarted" : "DirtyTrackingStopped";
    return [{ type, hwpt: object.hwpt.handle }];
  },
};

export const getDirty: Checked = {
  decide({ in: given }, replay) {
    const command = {
      command: "GetDirtyBitmap",
      hwptId: given.number("hwpt_id"),
      flags: given.number("flags"),
      iova: given.u64("iova"),
      length: given.u64("length"),
      pageSize: given.u64("page_size"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"GetDirtyBitmap">(replay.state, command, replay.profile, replay.environment);
    if (out === null) return { errno, events, out: {} };
    const { hwpt, clearedUpTo } = out;
    const remember = () => {
      if (clearedUpTo !== null) replay.environment.dirty.get(hwpt)?.clear(command.iova, clearedUpTo);
    };
    return { errno, events, out: { bitmap: bitmapHex(out.pages, out.set) }, remember };
  },
  follow: NOTHING,
  unchecked({ in: given }, { state, opaqueTables, writtenTables }) {
    const hwpt = state.hwptOfKernelId(given.number("hwpt_id"));
    if (hwpt === null || !opaqueTables.has(hwpt.handle) || !writtenTables.has(hwpt.handle)) return null;
    return { name: "get_dirty.bitmap", fields: ["bitmap"] };
  },
};

/** Bytes in hex, the first page in the lowest bit of the first. */
function bitmapHex(pages: bigint, set: readonly bigint[]): string {
  if (pages > BITMAP_BITS_MAX)
    throw new IoasisError("ERR_INPUT", `a dirty bitmap of ${pages} pages: up to ${BITMAP_BITS_MAX} are read`);
  const bytes = new Uint8Array(Number((pages + 7n) / 8n));
  for (const bit of set) {
    const at = Number(bit);
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
  }
  return hexOf(bytes);
}

function hexOf(bytes: Iterable<number>): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

export const hwInfo: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const [deviceId, flags] = [given.number("idev_id"), given.number("flags")];
    const command = { command: "QueryHwInfo", deviceId, flags, ...frameOf(given) } as const;
    const { errno, events, out } = decide<"QueryHwInfo">(state, command, profile, environment);
    const info = out?.info ?? null;
    if (info === null) return { errno, events, out: {} };
    const data = hexOf(info.bytes.slice(0, given.number("data_len")));
    const told = { data_type: info.type, data_len: info.bytes.length, capabilities: hex(info.capabilities), data };
    return { errno, events, out: told };
  },
  follow: NOTHING,
  unchecked({ in: given }, { state, environment }) {
    const object = objectOf(state, given.number("idev_id"));
    if (object?.kind !== "device" || environment.devices.get(object.device)?.hwInfo !== null) return null;
    return { name: "hw_info", fields: ["data_type", "data_len", "capabilities", "data"] };
  },
};

export const checkMap: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "CheckMockMap",
      hwptId: given.number("hwpt_id"),
      iova: given.u64("iova"),
      length: given.u64("length"),
      userVa: given.u64("va"),
    } as const;
    return plain(decide<"CheckMockMap">(state, command, profile, environment));
  },
  follow: NOTHING,
};

export const mockDirty: Checked = {
  decide({ in: given }, replay) {
    const command = {
      command: "MarkMockDirty",
      hwptId: given.number("hwpt_id"),
      iova: given.u64("iova"),
      length: given.u64("length"),
      pageSize: given.u64("page_size"),
      bits: given.bytes("bits"),
    } as const;
    const { errno, events, out } = decide<"MarkMockDirty">(replay.state, command, replay.profile, replay.environment);
    if (out === null) return { errno, events, out: {} };
    const remember = () => {
      if (out.count > 0) replay.writtenTables.add(out.hwpt);
      for (const page of out.pages) replay.dirtyPages(out.hwpt).mark(page);
    };
    return { errno, events, out: { nr_dirty: out.count }, remember };
  },
  follow: NOTHING,
};
