/** The operations of the recordings of the type1 container, as calls of the model. */
import { hex } from "../address.ts";
import type { Errno } from "../errno.ts";
import type { Argument, Type1Command } from "../type1/commands.ts";
import { decideType1, type Type1Outputs } from "../type1/decide.ts";
import { type KernelBug, TOP_OF_SPACE } from "../type1/kernel-bugs.ts";
import type { Type1Outcome } from "../type1/outcome.ts";
import type { Fields } from "./fields.ts";
import { bitmapOut, userBitmap } from "./type1-bitmap.ts";
import { capsOut } from "./type1-info.ts";
import { fileHandle, fileRef, type Type1Replay, userVaOf } from "./type1-replay.ts";

type Out = Readonly<Record<string, unknown>>;

/** The model's answer in the recording's words. */
export interface Type1Answer {
  readonly errno: Errno | null;
  readonly out: Out;
  readonly events: Type1Outcome<unknown>["events"];
  readonly bug: KernelBug | null;
}

export type Type1Checked = (given: Fields, replay: Type1Replay) => Type1Answer;

/** `tell` puts what the kernel wrote into the recording's words; `always` is printed even with an errno. */
function ask<Name extends Type1Command["command"]>(
  replay: Type1Replay,
  command: Extract<Type1Command, { command: Name }>,
  tell: (out: Type1Outputs[Name]) => Out = () => ({}),
  always: Out = {},
): Type1Answer {
  const { errno, events, out, bug } = decideType1<Name>(replay.state, command, replay.environment);
  return { errno, events, bug, out: out === null ? always : { ...always, ...tell(out) } };
}

const containerOpen: Type1Checked = (_given, replay) =>
  ask<"OpenContainer">(replay, { command: "OpenContainer" }, (handle) => ({ cont: `cont${handle}` }));

const groupOpen: Type1Checked = (given, replay) =>
  ask<"OpenGroup">(replay, { command: "OpenGroup", group: replay.groupOf(given) }, (handle) => ({
    group: `group${handle}`,
  }));

const close: Type1Checked = (given, replay) =>
  ask<"CloseFile">(replay, { command: "CloseFile", file: fileRef(given, "obj") });

const apiVersion: Type1Checked = (given, replay) =>
  ask<"QueryApiVersion">(replay, { command: "QueryApiVersion", container: fileHandle(given, "cont") }, (value) => ({
    value,
  }));

const extension: Type1Checked = (given, replay) => {
  const command = {
    command: "CheckExtension",
    container: fileHandle(given, "cont"),
    extension: given.number("ext"),
  } as const;
  return ask<"CheckExtension">(replay, command, (value) => ({ value }));
};

const setIommu: Type1Checked = (given, replay) =>
  ask<"SetIommu">(replay, {
    command: "SetIommu",
    container: fileHandle(given, "cont"),
    iommuType: given.number("type"),
  });

const groupStatus: Type1Checked = (given, replay) =>
  ask<"QueryGroupStatus">(replay, { command: "QueryGroupStatus", group: fileHandle(given, "group") }, (flags) => ({
    flags,
  }));

const setContainer: Type1Checked = (given, replay) =>
  ask<"SetContainer">(replay, {
    command: "SetContainer",
    group: fileHandle(given, "group"),
    file: fileRef(given, "cont"),
  });

const unsetContainer: Type1Checked = (given, replay) =>
  ask<"UnsetContainer">(replay, { command: "UnsetContainer", group: fileHandle(given, "group") });

const getDeviceFd: Type1Checked = (given, replay) =>
  ask<"OpenDevice">(
    replay,
    { command: "OpenDevice", group: fileHandle(given, "group"), name: given.text("name") },
    (handle) => ({ dev: `dev${handle}` }),
  );

/** A struct that arrived complete. */
const WHOLE: Argument = {};

/** How the argument struct arrived. */
function argumentOf(given: Fields): Argument {
  if (!given.has("argsz") && !given.has("bad_pointer")) return WHOLE;
  return {
    ...(given.has("argsz") ? { argBytes: given.number("argsz") } : {}),
    hasBadPointer: given.isSet("bad_pointer"),
  };
}

const getInfo: Type1Checked = (given, replay) => {
  const command = { command: "QueryInfo", container: fileHandle(given, "cont"), ...argumentOf(given) } as const;
  return ask<"QueryInfo">(replay, command, (info) => ({
    argsz: info.argBytes,
    flags: info.flags,
    iova_pgsizes: hex(info.pageSizes),
    cap_offset: info.capOffset,
    caps: capsOut(info),
  }));
};

const mapDma: Type1Checked = (given, replay) =>
  ask<"MapDma">(replay, {
    command: "MapDma",
    container: fileHandle(given, "cont"),
    flags: given.number("flags"),
    userVa: userVaOf(given),
    iova: given.u64("iova"),
    size: given.u64("size"),
    ...argumentOf(given),
  });

const unmapDma: Type1Checked = (given, replay) => {
  const bitmap = userBitmap(given);
  const command = {
    command: "UnmapDma",
    container: fileHandle(given, "cont"),
    flags: given.number("flags"),
    iova: given.u64("iova"),
    size: given.u64("size"),
    bitmap,
    ...argumentOf(given),
  } as const;
  return ask<"UnmapDma">(
    replay,
    command,
    ({ size, bitmap: words }) => ({ size: hex(size), ...bitmapOut(bitmap, words, true) }),
    bitmapOut(bitmap, null, false),
  );
};

const dirtyPages: Type1Checked = (given, replay) => {
  const bitmap = userBitmap(given);
  const command = {
    command: "UseDirtyPages",
    container: fileHandle(given, "cont"),
    flags: given.number("flags"),
    iova: bitmap === null ? 0n : given.u64("iova"),
    size: bitmap === null ? 0n : given.u64("size"),
    bitmap,
    ...argumentOf(given),
  } as const;
  return ask<"UseDirtyPages">(
    replay,
    command,
    ({ bitmap: words }) => bitmapOut(bitmap, words, true),
    bitmapOut(bitmap, null, false),
  );
};

/** VmLck of /proc/self/status. Pages of a mapping that cannot be found again are never given back. */
const lockedVm: Type1Checked = (_given, { state }) => ({
  errno: null,
  out: { vmlck_kb: Number(state.lockedPages) * 4 },
  events: [],
  bug: state.hasLostMapping ? TOP_OF_SPACE : null,
});

const rawIoctl: Type1Checked = (given, replay) =>
  ask<"UnknownCall">(replay, { command: "UnknownCall", file: fileRef(given, "obj") });

/** The model answers these. */
export const TYPE1_CHECKED: ReadonlyMap<string, Type1Checked> = new Map([
  ["container_open", containerOpen],
  ["group_open", groupOpen],
  ["close", close],
  ["api_version", apiVersion],
  ["check_extension", extension],
  ["set_iommu", setIommu],
  ["group_status", groupStatus],
  ["set_container", setContainer],
  ["unset_container", unsetContainer],
  ["get_device_fd", getDeviceFd],
  ["get_info", getInfo],
  ["map_dma", mapDma],
  ["unmap_dma", unmapDma],
  ["dirty_pages", dirtyPages],
  ["locked_vm", lockedVm],
  ["raw_ioctl", rawIoctl],
]);
