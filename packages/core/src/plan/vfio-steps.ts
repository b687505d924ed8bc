/** The steps of a plan as calls on the model of a VFIO container's driver, each with the call that takes it back. */
import { lengthOf } from "../address.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { IoasHandle } from "../events.ts";
import type { ModelCommand, ModelOutcome } from "../model/model.ts";
import type { Prot } from "../source.ts";
import { TYPE1_IOMMU, TYPE1V2_IOMMU } from "../type1/type1-profile.ts";
import { takeSpaprStep } from "./spapr-steps.ts";
import type { Dialect, Step } from "./step.ts";
import { refuse, refuseOutcome, type Taken, THERE } from "./taken.ts";
import { hasArea } from "./there.ts";
import type { VfioDestination } from "./vfio-destination.ts";

type StepOf<Op extends Step["op"]> = Extract<Step, { op: Op }>;

/** The argument of VFIO_SET_IOMMU. */
const IOMMU_TYPES: Readonly<Partial<Record<Dialect, number>>> = {
  "vfio-type1": TYPE1_IOMMU,
  "vfio-type1v2": TYPE1V2_IOMMU,
  "spapr-tce": 2,
  "spapr-tce-v2": 7,
};
const FLAGS: Readonly<Record<Prot, number>> = { unknown: 0, r: 1, w: 2, rw: 3 };

const NOT_MADE: Refusal = { errno: "ENOENT", rule: "plan: an object of the plan has not been made here" };
const NO_GROUP: Refusal = { errno: "ENODEV", rule: "plan: neither the plan nor the VMM names a group" };
const ELSEWHERE: Refusal = { errno: "EBUSY", rule: "plan: the group is in another container" };
const NO_ADDRESS: Refusal = { errno: "EFAULT", rule: "plan: the VMM has no memory for this source" };
const IN_THE_WAY: Refusal = { errno: "EEXIST", rule: "plan: something else is mapped here" };
const NO_CALL: Refusal = { errno: "ENOTTY", rule: "plan: this driver has no such call" };

export function takeVfioStep(step: Step, dialect: Dialect, to: VfioDestination): Taken {
  switch (step.op) {
    case "join":
      return join(step, dialect, to);
    case "space":
      return setIommu(step, dialect, to);
    case "open-device":
      return openDevice(step, dialect, to);
    case "map":
      return map(step, dialect, to);
    case "enable":
    case "register":
    case "default-window":
    case "drop-default-window":
    case "window":
      return dialect.startsWith("spapr") ? takeSpaprStep(step, to) : refuse(NO_CALL);
    default:
      return refuse(NO_CALL);
  }
}

/** VFIO_GROUP_SET_CONTAINER; container and group are opened for it, and stay open. */
function join(step: StepOf<"join">, dialect: Dialect, to: VfioDestination): Taken {
  const number = step.group === null ? to.groupOf(step.devices, step.space) : Number(step.group);
  if (number === null) return refuse(NO_GROUP);
  const container = containerOf(step.space, to);
  if (typeof container !== "number") return refuseOutcome(container);
  const inside = to.joined.get(number);
  if (inside !== undefined) return inside === container ? THERE : refuse(ELSEWHERE);
  const opened = groupFile(number, dialect, to);
  if (typeof opened !== "number") return refuseOutcome(opened);
  const outcome = to.call(setContainer(opened, container, dialect));
  if (outcome.errno !== null) return refuseOutcome(outcome);
  to.joined.set(number, container);
  return {
    kind: "done",
    undo: () => to.joined.delete(number) && isDone(to.call({ command: "UnsetContainer", group: opened })),
  };
}

function containerOf(space: IoasHandle, to: VfioDestination): number | ModelOutcome {
  const known = to.containers.get(space);
  if (known !== undefined) return known;
  const outcome = to.call({ command: "OpenContainer" });
  if (outcome.errno !== null) return outcome;
  const handle = handleIn(outcome.out, "container");
  to.containers.set(space, handle);
  return handle;
}

function groupFile(number: number, dialect: Dialect, to: VfioDestination): number | ModelOutcome {
  const known = to.groups.get(number);
  if (known !== undefined) return known;
  const key = dialect.startsWith("spapr") ? { pe: number } : { group: number };
  const outcome = to.call({ command: "OpenGroup", ...key });
  if (outcome.errno !== null) return outcome;
  const handle = handleIn(outcome.out, "group");
  to.groups.set(number, handle);
  return handle;
}

function setContainer(group: number, container: number, dialect: Dialect): ModelCommand {
  const into = dialect.startsWith("spapr") ? { container } : { file: { kind: "container", handle: container } };
  const command = { command: "SetContainer", group, ...into };
  return command;
}

/** Nothing unsets a container's IOMMU but that its last group leaves: those that were there come back then. */
function setIommu({ space }: StepOf<"space">, dialect: Dialect, to: VfioDestination): Taken {
  if (to.space(space) !== null) return THERE;
  const container = to.containers.get(space);
  if (container === undefined) return refuse(NOT_MADE);
  const handle = to.state.spaces.length;
  const outcome = to.call({ command: "SetIommu", container, iommuType: IOMMU_TYPES[dialect] ?? 0 });
  if (outcome.errno !== null) return refuseOutcome(outcome);
  to.spaces.set(space, handle);
  return { kind: "done", undo: () => regroup(container, dialect, to) };
}

function regroup(container: number, dialect: Dialect, to: VfioDestination): boolean {
  const inside = [...to.joined].flatMap(([number, at]) => (at === container ? [to.groups.get(number) ?? -1] : []));
  const left = inside.map((group) => to.call({ command: "UnsetContainer", group }));
  const back = inside.map((group) => to.call(setContainer(group, container, dialect)));
  return [...left, ...back].every(isDone);
}

/** VFIO_GROUP_GET_DEVICE_FD */
function openDevice(step: StepOf<"open-device">, dialect: Dialect, to: VfioDestination): Taken {
  const { device, space } = step;
  if (to.devices.has(device)) return THERE;
  const number = step.group === null ? to.groupOf([device], space) : Number(step.group);
  const group = number === null ? undefined : to.groups.get(number);
  if (group === undefined) return refuse(NOT_MADE);
  const outcome = to.call({ command: "OpenDevice", group, name: device });
  if (outcome.errno !== null) return refuseOutcome(outcome);
  const handle = handleIn(outcome.out, "device");
  to.devices.set(device, handle);
  const close = dialect.startsWith("spapr")
    ? { command: "CloseDevice", device: handle }
    : { command: "CloseFile", file: { kind: "device", handle } };
  return { kind: "done", undo: () => to.devices.delete(device) && isDone(to.call(close)) };
}

function map(step: StepOf<"map">, dialect: Dialect, to: VfioDestination): Taken {
  const { range, prot, source } = step;
  const target = to.space(step.space);
  if (target === null) return refuse(NOT_MADE);
  const userVa = to.addressOf(source);
  if (userVa === null) return refuse(NO_ADDRESS);
  if (hasArea(target, range, prot, { kind: "va", va: userVa })) return THERE;
  // type1 refuses that by itself, sPAPR would replace it without a word.
  if (dialect.startsWith("spapr") && target.areas.overlaps(range.first, range.last)) return refuse(IN_THE_WAY);
  const place = {
    container: to.containers.get(step.space) ?? -1,
    iova: range.first,
    size: lengthOf(range.first, range.last),
  };
  const outcome = to.call({ command: "MapDma", ...place, userVa, flags: FLAGS[prot] });
  if (outcome.errno !== null || outcome.returned !== 0) return refuseOutcome(outcome);
  const bitmap = dialect.startsWith("spapr") ? {} : { bitmap: null };
  return {
    kind: "done",
    undo: () => isDone(to.call({ command: "UnmapDma", ...place, flags: 0, ...bitmap })),
  };
}

/** The handle that opening a file gave. */
function handleIn(out: unknown, name: string): number {
  return typeof out === "number" ? out : ((out as Readonly<Record<string, number>>)[name] ?? -1);
}

function isDone({ errno, returned }: ModelOutcome): boolean {
  return errno === null && returned === 0;
}
