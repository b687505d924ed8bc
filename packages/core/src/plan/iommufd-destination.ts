/** The steps of a plan as calls on a model of iommufd, each with the call that takes it back. */
import { unreachable } from "../assert.ts";
import {
  type Command,
  MAP_FIXED_IOVA,
  MAP_READABLE,
  MAP_WRITEABLE,
  OPTION_HUGE_PAGES,
  OPTION_RLIMIT_MODE,
  OPTION_SET,
} from "../commands.ts";
import { decide } from "../decide/decide.ts";
import { unbindEvents } from "../decide/destroy-object.ts";
import type { Outcome, Refusal } from "../decide/outcome.ts";
import { HWPT_DIRTY_TRACKING, HWPT_NEST_PARENT, HWPT_PASID } from "../device-commands.ts";
import type { DeviceName } from "../events.ts";
import { merged, type Range } from "../range.ts";
import type { Prot, Source } from "../source.ts";
import { attachmentKey, type Space } from "../state.ts";
import type { Destination } from "./destination.ts";
import type { Step } from "./step.ts";
import { refuse, type Taken, THERE } from "./taken.ts";
import { hasArea } from "./there.ts";

type StepOf<Op extends Step["op"]> = Extract<Step, { op: Op }>;

const NO_ADDRESS: Refusal = { errno: "EFAULT", rule: "plan: the VMM has no memory for this source" };
const OTHER_ALLOWED: Refusal = { errno: "EEXIST", rule: "plan: other ranges are allowed in this space" };
const ELSEWHERE: Refusal = { errno: "EBUSY", rule: "plan: the device is attached to something else" };
const NO_DEVICE: Refusal = { errno: "ENODEV", rule: "plan: no device of this host is behind such an IOMMU" };
const NOT_MADE: Refusal = { errno: "ENOENT", rule: "plan: an object of the plan has not been made here" };
const OTHER_CONTAINER: Refusal = { errno: "EBUSY", rule: "plan: another space is the container's" };

export function takeIommufdStep(step: Step, to: Destination): Taken {
  switch (step.op) {
    case "rlimit-mode":
      return setMode(step, to);
    case "space":
      return allocate(step, to);
    case "large-pages-off":
      return disableLargePages(step, to);
    case "reserve":
      return reserve(step, to);
    case "allow":
      return allow(step, to);
    case "bind":
      return bind(step, to);
    case "page-table":
      return makePageTable(step, to);
    case "attach":
      return attach(step, to);
    case "map":
      return map(step, to);
    case "copy":
      return copy(step, to);
    case "track-dirty":
      return track(step, to);
    case "vfio-ioas":
      return setVfioIoas(step, to);
    case "join":
    case "open-device":
    case "enable":
    case "register":
    case "default-window":
    case "drop-default-window":
    case "window":
      return refuse({ errno: "ENOTTY", rule: "iommufd_fops_ioctl: no such call" });
    default:
      return unreachable(step);
  }
}

/** Makes the call; `inverse` is made to take it back. */
function call(to: Destination, command: Command, inverse: () => Command | null, source: Source | null = null): Taken {
  const outcome = ask(to, command);
  if (outcome.errno !== null) return refuse({ errno: outcome.errno, rule: outcome.rule ?? "" });
  const { maps = [] } = (outcome.out ?? {}) as { readonly maps?: readonly (number | null)[] };
  to.fold(outcome.events, source, maps);
  return { kind: "done", undo: () => undo(to, inverse()) };
}

function undo(to: Destination, command: Command | null): boolean {
  if (command === null) return true;
  const outcome = ask(to, command);
  to.fold(outcome.events);
  return outcome.errno === null;
}

function ask(to: Destination, command: Command): Outcome<unknown> {
  return decide(to.state, command, to.kernel, to.environment);
}

function setMode({ mode }: StepOf<"rlimit-mode">, to: Destination): Taken {
  const before = to.state.rlimitMode;
  if (before === mode) return THERE;
  const option = (value: "user" | "mm"): Command => ({
    command: "UseOption",
    option: OPTION_RLIMIT_MODE,
    operation: OPTION_SET,
    objectId: 0,
    value: value === "mm" ? 1n : 0n,
  });
  return call(to, option(mode), () => option(before));
}

function allocate({ space }: StepOf<"space">, to: Destination): Taken {
  if (to.space(space) !== null) return THERE;
  const handle = to.state.spaces.length;
  const taken = call(to, { command: "AllocIoas", flags: 0 }, () => ({
    command: "DestroyObject",
    id: to.state.space(handle).kernelId ?? 0,
  }));
  if (taken.kind === "done") to.spaces.set(space, handle);
  return taken;
}

function disableLargePages({ space }: StepOf<"large-pages-off">, to: Destination): Taken {
  const target = to.space(space);
  if (target === null) return refuse(NOT_MADE);
  if (!target.largePages) return THERE;
  const option = (value: bigint): Command => ({
    command: "UseOption",
    option: OPTION_HUGE_PAGES,
    operation: OPTION_SET,
    objectId: idOf(target),
    value,
  });
  return call(to, option(0n), () => option(1n));
}

/** Nothing gives the range back but the end of its space, which the same plan made. */
function reserve({ space, range }: StepOf<"reserve">, to: Destination): Taken {
  const target = to.space(space);
  if (target === null) return refuse(NOT_MADE);
  const { first, last } = range;
  if (target.reservations.some((held) => held.owner === "user" && held.first === first && held.last === last))
    return THERE;
  const command = { command: "ReserveIova", ioasId: idOf(target), iova: first, length: last - first + 1n } as const;
  return call(to, command, () => null);
}

function allow({ space, ranges }: StepOf<"allow">, to: Destination): Taken {
  const target = to.space(space);
  if (target === null) return refuse(NOT_MADE);
  if (isSameSet(target.allowed, ranges)) return THERE;
  if (target.allowed.length > 0) return refuse(OTHER_ALLOWED);
  const command = (list: readonly Range[]): Command => ({
    command: "AllowIovas",
    ioasId: idOf(target),
    ranges: list.map(({ first, last }) => [first, last] as const),
  });
  return call(to, command(ranges), () => command([]));
}

function isSameSet(a: readonly Range[], b: readonly Range[]): boolean {
  const [one, other] = [merged(a), merged(b)];
  return (
    one.length === other.length &&
    one.every(({ first, last }, i) => first === other[i]?.first && last === other[i]?.last)
  );
}

function bind({ device }: StepOf<"bind">, to: Destination): Taken {
  if (to.state.devices.has(device)) return THERE;
  const outcome = ask(to, { command: "BindVfioDevice", device });
  if (outcome.errno !== null) return refuse({ errno: outcome.errno, rule: outcome.rule ?? "" });
  to.fold(outcome.events);
  // The device file is closed again.
  return {
    kind: "done",
    undo: () => {
      to.fold(unbindEvents(to.state, device));
      return true;
    },
  };
}

function makePageTable(step: StepOf<"page-table">, to: Destination): Taken {
  const target = to.space(step.space);
  if (target === null) return refuse(NOT_MADE);
  if (to.hwpt(step.hwpt) !== null) return THERE;
  const device = step.device ?? deviceBehind(step, to);
  if (device === null) return refuse(NO_DEVICE);
  // A page table outlives the device that it was made for: one that is not to stay is bound for this call.
  const lent = to.state.devices.has(device) ? null : bind({ op: "bind", device, group: null }, to);
  if (lent?.kind === "refused") return lent;
  const deviceId = to.state.devices.get(device)?.kernelId ?? 0;
  const flags =
    (step.nestParent ? HWPT_NEST_PARENT : 0) |
    (step.dirtyTracking ? HWPT_DIRTY_TRACKING : 0) |
    (step.takesPasids ? HWPT_PASID : 0);
  const handle = to.state.hwpts.length;
  const command = { command: "AllocHwpt", flags, deviceId, ptId: idOf(target), dataType: 0, dataLength: 0 } as const;
  const taken = call(to, command, () => ({ command: "DestroyObject", id: to.state.hwpts[handle]?.kernelId ?? 0 }));
  if (lent?.kind === "done") lent.undo();
  if (taken.kind === "done") to.hwpts.set(step.hwpt, handle);
  return taken;
}

/** A device, bound ones first, whose IOMMU makes such a page table: of that page size, and as wide at least. */
function deviceBehind(
  { pageSize, aperture }: StepOf<"page-table">,
  { state, environment }: Destination,
): DeviceName | null {
  for (const device of [...state.devices.keys(), ...environment.devices.keys()]) {
    const traits = environment.devices.get(device);
    if (traits === undefined) continue;
    const made = traits.unattachedAperture ?? traits.aperture;
    const isWide = aperture === null || (made.first <= aperture.first && made.last >= aperture.last);
    if (isWide && (pageSize === null || pageSize === traits.pageSize)) return device;
  }
  return null;
}

function attach({ device, pasid, space, hwpt }: StepOf<"attach">, to: Destination): Taken {
  const target = to.space(space);
  const table = hwpt === null ? null : to.hwpt(hwpt);
  if (target === null || (hwpt !== null && table === null)) return refuse(NOT_MADE);
  const held = to.state.attachments.get(attachmentKey(device, pasid));
  if (held !== undefined) {
    const isThere = table === null ? held.ioas === target.handle : held.hwpt === table.handle;
    return isThere ? THERE : refuse(ELSEWHERE);
  }
  const ptId = table === null ? idOf(target) : (table.kernelId ?? 0);
  const who = pasid === null ? { device } : { device, pasid };
  return call(to, { command: "AttachVfioDevice", ...who, ptId }, () => ({ command: "DetachVfioDevice", ...who }));
}

function map({ space, range, prot, source }: StepOf<"map">, to: Destination): Taken {
  const target = to.space(space);
  if (target === null) return refuse(NOT_MADE);
  const file = source.kind === "file" || source.kind === "dmabuf";
  const userVa = file ? 0n : to.addressOf(source);
  if (userVa === null) return refuse(NO_ADDRESS);
  if (hasArea(target, range, prot, source)) return THERE;
  const common = {
    ioasId: idOf(target),
    flags: flagsOf(prot),
    length: range.last - range.first + 1n,
    iova: range.first,
  };
  const command: Command = file
    ? { command: "MapFile", ...common, fd: source.fd, start: source.start }
    : { command: "MapIova", ...common, userVa };
  return call(to, command, () => unmap(target, range), source);
}

function copy({ space, range, prot, source, from }: StepOf<"copy">, to: Destination): Taken {
  const target = to.space(space);
  const origin = to.space(from.space);
  if (target === null || origin === null) return refuse(NOT_MADE);
  if (hasArea(target, range, prot, source)) return THERE;
  const command: Command = {
    command: "CopyIova",
    flags: flagsOf(prot),
    dstIoasId: idOf(target),
    srcIoasId: idOf(origin),
    length: range.last - range.first + 1n,
    dstIova: range.first,
    srcIova: from.first,
  };
  return call(to, command, () => unmap(target, range), source);
}

function unmap(space: Space, { first, last }: Range): Command {
  return { command: "UnmapIova", ioasId: idOf(space), iova: first, length: last - first + 1n };
}

/** What the recording does not tell is not asked for, and then refused. */
function flagsOf(prot: Prot): number {
  const readable = prot === "r" || prot === "rw" ? MAP_READABLE : 0;
  return MAP_FIXED_IOVA | readable | (prot === "w" || prot === "rw" ? MAP_WRITEABLE : 0);
}

function track({ hwpt }: StepOf<"track-dirty">, to: Destination): Taken {
  const table = to.hwpt(hwpt);
  if (table === null) return refuse(NOT_MADE);
  if (table.isTracking) return THERE;
  const command = (flags: number): Command => ({ command: "SetDirtyTracking", hwptId: table.kernelId ?? 0, flags });
  return call(to, command(1), () => command(0));
}

function setVfioIoas({ space }: StepOf<"vfio-ioas">, to: Destination): Taken {
  const target = to.space(space);
  if (target === null) return refuse(NOT_MADE);
  if (to.state.vfioIoas === target.handle) return THERE;
  if (to.state.vfioIoas !== null) return refuse(OTHER_CONTAINER);
  const ioasId = idOf(target);
  return call(to, { command: "UseVfioIoas", operation: 1, ioasId }, () => ({
    command: "UseVfioIoas",
    operation: 2,
    ioasId: 0,
  }));
}

function idOf({ kernelId }: Space): number {
  return kernelId ?? 0;
}
