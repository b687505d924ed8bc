/** The steps of a plan as requests to the model of a virtio-iommu device, each with the one that takes it back. */
import type { Refusal } from "../decide/outcome.ts";
import type { DeviceName, IoasHandle } from "../events.ts";
import { LiveState } from "../model/live-state.ts";
import type { Prot } from "../source.ts";
import { attachmentKey, type ContextState, type Space } from "../state.ts";
import { ATTACH_BYPASS, MAP_READ, MAP_WRITE, type VirtioIommuCommand } from "../virtio-iommu/commands.ts";
import { decideVirtioIommu } from "../virtio-iommu/decide.ts";
import type { VirtioIommuEnvironment } from "../virtio-iommu/environment.ts";
import type { VirtioIommuOutcome } from "../virtio-iommu/outcome.ts";
import type { Step } from "./step.ts";
import { refuse, refuseOutcome, type Taken, THERE } from "./taken.ts";
import { hasArea } from "./there.ts";

type StepOf<Op extends Step["op"]> = Extract<Step, { op: Op }>;

const NOT_MADE: Refusal = { errno: "ENOENT", rule: "plan: an object of the plan has not been made here" };
const NO_ENDPOINT: Refusal = { errno: "ENOENT", rule: "plan: neither the plan nor the guest names an endpoint" };
const ELSEWHERE: Refusal = { errno: "EBUSY", rule: "plan: the endpoint is attached to something else" };
const NO_ADDRESS: Refusal = { errno: "EFAULT", rule: "plan: what is mapped is not told as guest memory" };
const NO_CALL: Refusal = { errno: "ENOTTY", rule: "plan: a virtio-iommu has no such request" };
const FLAGS: Readonly<Record<Prot, number>> = { unknown: 0, r: MAP_READ, w: MAP_WRITE, rw: MAP_READ | MAP_WRITE };
const ENDPOINT = /^endpoint (\d{1,10})$/;

export interface VirtioDestinationOptions {
  readonly environment: VirtioIommuEnvironment;
  /** The guest's number of a device that the plan names otherwise, or (null) of one for a domain without any. */
  readonly endpointOf?: (device: DeviceName | null, space: IoasHandle) => number | null;
}

export class VirtioDestination {
  readonly environment: VirtioIommuEnvironment;
  readonly endpointOf: (device: DeviceName | null, space: IoasHandle) => number | null;
  /** The domain that each space of the plan has here. */
  readonly domains = new Map<IoasHandle, number>();
  readonly #live = new LiveState();

  constructor({ environment, endpointOf = () => null }: VirtioDestinationOptions) {
    this.environment = environment;
    this.endpointOf = endpointOf;
  }

  get state(): ContextState {
    return this.#live.state;
  }

  space(handle: IoasHandle): Space | null {
    const domain = this.domains.get(handle);
    return domain === undefined ? null : this.state.spaceOfKernelId(domain);
  }

  /** What is refused leaves nothing. */
  ask(request: VirtioIommuCommand): VirtioIommuOutcome<unknown> {
    const outcome: VirtioIommuOutcome<unknown> = decideVirtioIommu(this.state, request, this.environment);
    if (outcome.errno === null) for (const event of outcome.events) this.#live.add(event);
    return outcome;
  }
}

export function takeVirtioStep(step: Step, to: VirtioDestination): Taken {
  if (step.op === "attach") return attach(step.device, step.space, step, to);
  if (step.op === "space") return attach(null, step.space, step, to);
  return step.op === "map" ? map(step, to) : refuse(NO_CALL);
}

/** The first endpoint of a domain makes it, the last takes it along. */
function attach(
  device: DeviceName | null,
  space: IoasHandle | null,
  { bypass }: Pick<StepOf<"attach">, "bypass">,
  to: VirtioDestination,
): Taken {
  if (space === null) return refuse(NOT_MADE);
  const endpoint = numberOf(device, space, to);
  if (endpoint === null) return refuse(NO_ENDPOINT);
  const held = to.state.attachments.get(attachmentKey(`endpoint ${endpoint}`, null));
  const target = to.space(space);
  if (held !== undefined) return target !== null && held.ioas === target.handle ? THERE : refuse(ELSEWHERE);
  const domain = to.domains.get(space) ?? freeDomain(to);
  const outcome = to.ask({ command: "AttachEndpoint", domain, endpoint, flags: bypass === true ? ATTACH_BYPASS : 0 });
  if (outcome.errno !== null) return refuseOutcome(outcome);
  to.domains.set(space, domain);
  return { kind: "done", undo: () => to.ask({ command: "DetachEndpoint", domain, endpoint }).errno === null };
}

function numberOf(device: DeviceName | null, space: IoasHandle, to: VirtioDestination): number | null {
  const match = device === null ? null : ENDPOINT.exec(device);
  return match === null ? to.endpointOf(device, space) : Number(match[1]);
}

/** The guest's driver counts its domains too. */
function freeDomain({ domains }: VirtioDestination): number {
  return Math.max(0, ...domains.values()) + 1;
}

function map({ space, range, prot, source }: StepOf<"map">, to: VirtioDestination): Taken {
  const target = to.space(space);
  const domain = to.domains.get(space);
  if (target === null || domain === undefined) return refuse(NOT_MADE);
  if (source.kind !== "gpa") return refuse(NO_ADDRESS);
  if (hasArea(target, range, prot, source)) return THERE;
  const place = { domain, virtStart: range.first, virtEnd: range.last };
  const outcome = to.ask({ command: "MapRange", ...place, physStart: source.gpa, flags: FLAGS[prot] });
  if (outcome.errno !== null) return refuseOutcome(outcome);
  return { kind: "done", undo: () => to.ask({ command: "UnmapRange", ...place }).errno === null };
}
