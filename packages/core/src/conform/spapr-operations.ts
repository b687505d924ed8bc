/** The operations of the recordings of sPAPR TCE containers: what they call, and the answer in the recording's words. */
import { hex } from "../address.ts";
import type { Errno } from "../errno.ts";
import { decideSpapr } from "../spapr/decide.ts";
import type { SpaprEvent } from "../spapr/events.ts";
import type { SpaprBug } from "../spapr/kernel-bugs.ts";
import type { SpaprOutcome } from "../spapr/outcome.ts";
import type { TceInfo } from "../spapr/query-tce-info.ts";
import { translate } from "../spapr/translate.ts";
import type { Fields } from "./fields.ts";
import { handleNumber } from "./recorded.ts";
import type { SpaprReplay } from "./spapr-replay.ts";

export interface SpaprAnswer {
  readonly errno: Errno | null;
  readonly out: Readonly<Record<string, unknown>>;
  readonly events: readonly SpaprEvent[];
  readonly bug: SpaprBug | null;
}

export type SpaprAsk = (given: Fields, replay: SpaprReplay) => SpaprAnswer;

/** What the recorder fills its struct with before the call. */
const UNTOUCHED = "0xeeeeeeeeeeeeeeee";
/** Of QEMU's edu device: its identification register, as a big-endian process reads it, backwards. */
const EDU_ID = "0xed000001";

function answer<Out>(outcome: SpaprOutcome<Out>, words: (out: Out) => Readonly<Record<string, unknown>>): SpaprAnswer {
  const { errno, events, bug, out, returned } = outcome;
  const failed = returned === 0 ? {} : { ret: returned };
  return { errno, events, bug, out: out === null ? failed : words(out) };
}

const silent = (outcome: SpaprOutcome<unknown>): SpaprAnswer => answer(outcome, () => ({}));
/** No object has -1: a descriptor that the recording knows no handle of. */
const handle = (given: Fields, name: string): number => (given.isNull(name) ? -1 : handleNumber(given.text(name)));

/** A struct that arrived complete. */
const WHOLE: { readonly argBytes?: number; readonly hasBadPointer?: boolean } = {};

/** How the argument struct arrived. */
function frameOf(given: Fields): typeof WHOLE {
  if (!given.has("argsz") && !given.has("bad_pointer")) return WHOLE;
  return {
    ...(given.has("argsz") ? { argBytes: given.number("argsz") } : {}),
    hasBadPointer: given.isSet("bad_pointer"),
  };
}

const containerOpen: SpaprAsk = (_given, { state, environment }) =>
  answer(decideSpapr<"OpenContainer">(state, { command: "OpenContainer" }, environment), ({ container }) => ({
    container: `c${container}`,
  }));

const containerClose: SpaprAsk = (given, { state, environment }) => {
  const command = { command: "CloseContainer", container: handle(given, "container") } as const;
  return silent(decideSpapr<"CloseContainer">(state, command, environment));
};

const apiVersion: SpaprAsk = (given, { state, environment }) => {
  const command = { command: "QueryApiVersion", container: handle(given, "container") } as const;
  return answer(decideSpapr<"QueryApiVersion">(state, command, environment), ({ version }) => ({ version }));
};

const checkExtension: SpaprAsk = (given, { state, environment }) => {
  const container = handle(given, "container");
  const command = { command: "CheckExtension", container, extension: given.number("ext") } as const;
  return answer(decideSpapr<"CheckExtension">(state, command, environment), ({ supported }) => ({ supported }));
};

const setIommu: SpaprAsk = (given, { state, environment }) => {
  const container = handle(given, "container");
  const command = { command: "SetIommu", container, iommuType: given.number("type") } as const;
  return silent(decideSpapr<"SetIommu">(state, command, environment));
};

const groupOpen: SpaprAsk = (given, { state, environment }) =>
  answer(
    decideSpapr<"OpenGroup">(state, { command: "OpenGroup", pe: given.number("phb") }, environment),
    ({ group }) => ({ group: `g${group}` }),
  );

const groupStatus: SpaprAsk = (given, { state, environment }) => {
  const command = { command: "QueryGroupStatus", group: handle(given, "group") } as const;
  return answer(decideSpapr<"QueryGroupStatus">(state, command, environment), ({ flags }) => ({ flags }));
};

const groupSetContainer: SpaprAsk = (given, { state, environment }) => {
  const [group, container] = [handle(given, "group"), handle(given, "container")];
  return silent(decideSpapr<"SetContainer">(state, { command: "SetContainer", group, container }, environment));
};

const groupUnsetContainer: SpaprAsk = (given, { state, environment }) => {
  const command = { command: "UnsetContainer", group: handle(given, "group") } as const;
  return silent(decideSpapr<"UnsetContainer">(state, command, environment));
};

const deviceOpen: SpaprAsk = (given, { state, environment }) => {
  const command = { command: "OpenDevice", group: handle(given, "group") } as const;
  return answer(decideSpapr<"OpenDevice">(state, command, environment), ({ device }) => ({ dev: `d${device}` }));
};

const deviceClose: SpaprAsk = (given, { state, environment }) => {
  const command = { command: "CloseDevice", device: handle(given, "dev") } as const;
  return silent(decideSpapr<"CloseDevice">(state, command, environment));
};

const tceGetInfo: SpaprAsk = (given, { state, environment }) => {
  const command = { command: "QueryTceInfo", container: handle(given, "container"), ...frameOf(given) } as const;
  return answer(decideSpapr<"QueryTceInfo">(state, command, environment), infoWords);
};

function infoWords({ flags, dma32Start, dma32Size, dynamic }: TceInfo): Readonly<Record<string, unknown>> {
  const old = { flags, dma32_window_start: hex(dma32Start), dma32_window_size: hex(dma32Size) };
  if (dynamic === null) return { ...old, ddw_untouched: UNTOUCHED };
  const { pageSizes, windowsMax, levels } = dynamic;
  return { ...old, ddw_pgsizes: hex(pageSizes), ddw_max_dynamic_windows: windowsMax, ddw_levels: levels };
}

function rangeOf(given: Fields) {
  return {
    container: handle(given, "container"),
    ...frameOf(given),
    userVa: given.u64("va"),
    size: given.u64("size"),
    flags: given.number("flags"),
  };
}

const registerMemory: SpaprAsk = (given, { state, environment }) =>
  silent(decideSpapr<"RegisterMemory">(state, { command: "RegisterMemory", ...rangeOf(given) }, environment));

const unregisterMemory: SpaprAsk = (given, { state, environment }) =>
  silent(decideSpapr<"UnregisterMemory">(state, { command: "UnregisterMemory", ...rangeOf(given) }, environment));

const tceCreate: SpaprAsk = (given, { state, environment }) => {
  const command = {
    command: "CreateWindow",
    container: handle(given, "container"),
    ...frameOf(given),
    pageShift: given.number("page_shift"),
    size: given.u64("window_size"),
    levels: given.number("levels"),
    flags: given.number("flags"),
  } as const;
  const outcome = decideSpapr<"CreateWindow">(state, command, environment);
  return answer(outcome, ({ start }) => ({ start_addr: hex(start) }));
};

const tceRemove: SpaprAsk = (given, { state, environment }) => {
  const [start, flags] = [given.u64("start_addr"), given.number("flags")];
  return silent(
    decideSpapr<"RemoveWindow">(
      state,
      { command: "RemoveWindow", container: handle(given, "container"), ...frameOf(given), start, flags },
      environment,
    ),
  );
};

/** Calls without an argument. */
const plain =
  (command: "Enable" | "Disable" | "UseEeh" | "UnknownCall"): SpaprAsk =>
  (given, { state, environment }) =>
    silent(decideSpapr<typeof command>(state, { command, container: handle(given, "container") }, environment));

const mapDma =
  (isOtherProcess: boolean): SpaprAsk =>
  (given, { state, environment }) => {
    const command = {
      command: "MapDma",
      container: handle(given, "container"),
      ...frameOf(given),
      isOtherProcess,
      iova: given.u64("iova"),
      userVa: given.u64("va"),
      size: given.u64("size"),
      flags: given.number("flags"),
    } as const;
    return silent(decideSpapr<"MapDma">(state, command, environment));
  };

const unmapDma: SpaprAsk = (given, { state, environment }) => {
  const range = { iova: given.u64("iova"), size: given.u64("size"), flags: given.number("flags") };
  return silent(
    decideSpapr<"UnmapDma">(
      state,
      { command: "UnmapDma", container: handle(given, "container"), ...frameOf(given), ...range },
      environment,
    ),
  );
};

/** The device writes: which byte of the buffer changes. */
const dmaWrite: SpaprAsk = (given, replay) => {
  const { state, environment, bufferVa, bufferEnd } = replay;
  const found = translate(state, handle(given, "dev"), given.u64("iova"));
  const isHit =
    found?.isWritable === true &&
    found.va >= bufferVa &&
    found.va < bufferEnd &&
    environment.memory.canPin(found.va, found.va, false);
  return { errno: null, events: [], bug: null, out: { va_off: isHit ? hex(found.va - bufferVa) : null } };
};

/** VmLck and VmPin of the process, KiB. */
const locked: SpaprAsk = (_given, { state, environment }) => {
  const kib = state.lockedPages << BigInt(environment.platform.pageShift - 10);
  return { errno: null, events: [], bug: null, out: { vmlck_kb: Number(kib), vmpin_kb: 0 } };
};

const deviceEnable: SpaprAsk = () => ({ errno: null, events: [], bug: null, out: { edu_id: EDU_ID } });

export const SPAPR_CHECKED: ReadonlyMap<string, SpaprAsk> = new Map([
  ["container_open", containerOpen],
  ["container_close", containerClose],
  ["api_version", apiVersion],
  ["check_extension", checkExtension],
  ["set_iommu", setIommu],
  ["group_open", groupOpen],
  ["group_status", groupStatus],
  ["group_set_container", groupSetContainer],
  ["group_unset_container", groupUnsetContainer],
  ["device_open", deviceOpen],
  ["device_close", deviceClose],
  ["device_enable", deviceEnable],
  ["tce_get_info", tceGetInfo],
  ["register_memory", registerMemory],
  ["unregister_memory", unregisterMemory],
  ["tce_create", tceCreate],
  ["tce_remove", tceRemove],
  ["enable", plain("Enable")],
  ["disable", plain("Disable")],
  ["map_dma", mapDma(false)],
  ["child_map_dma", mapDma(true)],
  ["unmap_dma", unmapDma],
  ["dma_write", dmaWrite],
  ["locked", locked],
  ["eeh_op", plain("UseEeh")],
]);
