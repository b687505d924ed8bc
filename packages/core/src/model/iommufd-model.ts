/** iommufd as the model of a context: `decideUnderPolicy` with the machine that the hosts describe. */
import type { Command } from "../commands.ts";
import { unbindEvents } from "../decide/destroy-object.ts";
import { callRefused, type Outcome, type Refusal } from "../decide/outcome.ts";
import { type AttachVfioDevice, type DetachVfioDevice, HWPT_DIRTY_TRACKING } from "../device-commands.ts";
import type { EventBatch } from "../event-batch.ts";
import type { JsonObject } from "../event-json.ts";
import { eventAt } from "../event-row.ts";
import type { DeviceName, IoasEvent } from "../events.ts";
import type { HostDevice } from "../host/host-profile.ts";
import { decideUnderPolicy } from "../policy/decide-under-policy.ts";
import type { PolicyRules } from "../policy/policy.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState } from "../state.ts";
import { type BasedCall, baseRefused, realised, withRealised } from "./attach-base.ts";
import { commandFromJson } from "./command-fields.ts";
import { CopiedAreas } from "./copied-areas.ts";
import { IOMMUFD_COMMANDS, withKernelIds } from "./iommufd-commands.ts";
import { LiveState } from "./live-state.ts";
import type { Model, ModelCommand, ModelOutcome } from "./model.ts";
import type { SavedModel, SavedPages } from "./saved-model.ts";
import { told } from "./setup.ts";

/** Closing a VFIO device file, which detaches and unbinds the device. */
export interface CloseVfioDevice {
  readonly command: "CloseVfioDevice";
  readonly device: DeviceName;
}

export type IommufdCommand = Command | CloseVfioDevice;

export interface IommufdMachine {
  readonly profile: KernelProfile;
  readonly environment: Omit<Environment, "copies">;
  /** As their hosts tell of them. */
  readonly devices: ReadonlyMap<DeviceName, HostDevice>;
  /** Null: the context is held to no policy. */
  readonly rules: PolicyRules | null;
}

/** The maps whose pages the next areas share, in order: what a COPY leaves beside its areas. */
const SHARED = "PagesShared";

const NO_PAGES: SavedPages = { copies: [], shared: [] };

const NO_DEVICE: Refusal = { errno: "ENOENT", rule: "open: the hosts have no device of this name" };
const NOT_BOUND: Refusal = { errno: "EBADF", rule: "close: the device file is not open" };

export class IommufdModel implements Model {
  readonly #machine: IommufdMachine;
  readonly #live: LiveState;
  readonly #copies: CopiedAreas;
  #shared: (number | null)[];
  readonly environment: Environment;

  constructor(machine: IommufdMachine, state?: ContextState, { copies, shared }: SavedPages = NO_PAGES) {
    this.#machine = machine;
    this.#live = new LiveState(state);
    this.#copies = new CopiedAreas(copies);
    this.#shared = [...shared];
    this.environment = { ...machine.environment, copies: this.#copies.maps };
  }

  get state(): ContextState {
    return this.#live.state;
  }

  commandOf(json: JsonObject): ModelCommand {
    return commandFromJson(withKernelIds(json, this.state), IOMMUFD_COMMANDS);
  }

  execute(command: ModelCommand): ModelOutcome {
    const call = command as IommufdCommand;
    const { errno, rule, events, out } = isPtCall(call) ? this.#decideBased(call) : this.#decide(call);
    const recorded = sharesOf(call, errno === null ? out : null, events);
    this.add(recorded);
    return { errno, returned: 0, rule, events: recorded, out: errno === null ? out : null, bug: null };
  }

  /** Folds what somebody else decided on the same file. */
  add(events: readonly IoasEvent[]): void {
    for (const event of events) {
      this.#copies.forget(event, this.state);
      this.#live.add(event);
      this.#remember(event);
    }
  }

  fold(batch: EventBatch, from = 0, to = batch.length): void {
    for (let row = from; row < to; row++) {
      const event = eventAt(batch, row);
      this.#copies.forget(event, this.state);
      this.#live.fold(batch, row);
      this.#remember(event);
    }
  }

  save(): SavedModel {
    return { state: this.state, driver: { kind: "iommufd", ...this.savePages() }, tables: [] };
  }

  savePages(): SavedPages {
    return { copies: this.#copies.save(), shared: [...this.#shared] };
  }

  /** A base is asked for as the PASID that it stands for. */
  #decideBased(call: BasedCall): Outcome<unknown> {
    const found = realised(call);
    if (found === null) return this.#decide(call);
    return "errno" in found ? baseRefused(call, found) : withRealised(this.#decide(found.call), found.pasid);
  }

  #decide(call: IommufdCommand): Outcome<unknown> {
    this.#checkTold(call);
    const { state } = this;
    if (call.command === "CloseVfioDevice")
      return state.devices.has(call.device)
        ? { errno: null, rule: null, out: {}, events: unbindEvents(state, call.device) }
        : callRefused("close", NOT_BOUND);
    const { profile, rules, devices } = this.#machine;
    if (call.command !== "BindVfioDevice") return decideUnderPolicy(rules, state, call, profile, this.environment);
    const device = devices.get(call.device);
    if (device === undefined) return callRefused("VFIO_DEVICE_BIND_IOMMUFD", NO_DEVICE);
    const inGroup = device.group === null ? call : { ...call, group: `${device.group}` };
    return decideUnderPolicy(rules, state, inGroup, profile, this.environment);
  }

  /** What decides a call is told, or the call is not answered: nothing is guessed. */
  #checkTold(call: IommufdCommand): void {
    const { devices } = this.#machine;
    const tracking = devices.get(this.#needsDirtyTracking(call) ?? "");
    if (tracking !== undefined) told(tracking, "dirtyTracking");
    const tagged =
      call.command === "AttachVfioDevice" && call.pasid !== undefined ? devices.get(call.device) : undefined;
    if (tagged !== undefined) told(tagged, "pasidBits");
  }

  #needsDirtyTracking(call: IommufdCommand): DeviceName | null {
    const { state } = this;
    if (call.command === "AllocHwpt" && (call.flags & HWPT_DIRTY_TRACKING) !== 0)
      return [...state.devices].find(([, { kernelId }]) => kernelId === call.deviceId)?.[0] ?? null;
    if (call.command === "AttachVfioDevice" && state.hwptOfKernelId(call.ptId)?.dirtyTracking === true)
      return call.device;
    return null;
  }

  #remember(event: IoasEvent): void {
    if (event.type === "DriverChanged" && event.change.type === SHARED)
      this.#shared = [...(event.change["maps"] as (number | null)[])];
    if (event.type !== "IovaMapped" || this.#shared.length === 0) return;
    const map = this.#shared.shift() ?? null;
    if (map !== null) this.#copies.add(this.state.version, map);
  }
}

function isPtCall(call: IommufdCommand): call is AttachVfioDevice | DetachVfioDevice {
  return call.command === "AttachVfioDevice" || call.command === "DetachVfioDevice";
}

/** Which MAP's pages the areas of a COPY share comes before them. */
function sharesOf({ command }: IommufdCommand, out: unknown, events: readonly IoasEvent[]): readonly IoasEvent[] {
  if (command !== "CopyIova" || out === null) return events;
  const { maps } = out as { readonly maps: readonly (number | null)[] };
  return [{ type: "DriverChanged", change: { type: SHARED, maps } }, ...events];
}
