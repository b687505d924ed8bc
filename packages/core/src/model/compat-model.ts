/**
 * A VFIO container that an iommufd emulates as the model of a context: one file, opened as /dev/vfio/vfio. It takes
 * the container's calls and iommufd's own; groups and devices come by their files.
 */

import { compatSpaceOf, NO_SPACE } from "../compat/container-calls.ts";
import { type CompatCommand, decideCompat } from "../compat/decide.ts";
import { unbindEvents } from "../decide/destroy-object.ts";
import type { EventBatch } from "../event-batch.ts";
import type { JsonObject } from "../event-json.ts";
import { eventAt } from "../event-row.ts";
import type { DeviceName, IoasEvent } from "../events.ts";
import { IoasisError } from "../failure.ts";
import type { Environment } from "../profile/environment.ts";
import type { ContextState } from "../state.ts";
import type { CloseFile, OpenDevice, SetContainer, Type1Command } from "../type1/commands.ts";
import { BAD_FILE } from "../type1/container-calls.ts";
import { commandFromJson } from "./command-fields.ts";
import { COMPAT_COMMANDS, COMPAT_IOMMUFD_COMMANDS } from "./compat-commands.ts";
import { CompatFiles } from "./compat-files.ts";
import {
  CONTAINER,
  changed,
  deviceRefusal,
  type FileOutcome,
  isOpen,
  joinRefusal,
  openGroup,
  queryGroupStatus,
  refusedCall,
  unsetContainer,
} from "./compat-groups.ts";
import { withKernelIds } from "./iommufd-commands.ts";
import { type IommufdMachine, IommufdModel } from "./iommufd-model.ts";
import type { Model, ModelCommand, ModelOutcome } from "./model.ts";
import type { SavedCompat, SavedModel } from "./saved-model.ts";

/** Opened as /dev/vfio/vfio, an iommufd charges pinned pages to the process (iommufd_fops_open). */
export const CONTAINER_OPENED: IoasEvent = { type: "RlimitModeSet", mode: "mm" };
/** VFIO_DMA_CC_IOMMU */
const DMA_CC_IOMMU = 4;

/** `out` is the kernel's with an errno too: an UNMAP tells how much it took before it failed. */
export class CompatModel implements Model {
  readonly files: CompatFiles;
  readonly #machine: IommufdMachine;
  readonly #iommufd: IommufdModel;

  constructor(machine: IommufdMachine, state?: ContextState, saved?: SavedCompat) {
    this.#machine = machine;
    this.#iommufd = new IommufdModel(machine, state, saved);
    this.files = new CompatFiles(saved?.groups, saved?.devices);
  }

  get state(): ContextState {
    return this.#iommufd.state;
  }

  get environment(): Environment {
    return this.#iommufd.environment;
  }

  commandOf(json: JsonObject): ModelCommand {
    const isOnIommufd = Object.hasOwn(COMPAT_IOMMUFD_COMMANDS, String(json["command"]));
    if (isOnIommufd) return commandFromJson(withKernelIds(json, this.state), COMPAT_IOMMUFD_COMMANDS);
    return commandFromJson(json, COMPAT_COMMANDS);
  }

  execute(command: ModelCommand): ModelOutcome {
    if (Object.hasOwn(COMPAT_IOMMUFD_COMMANDS, command.command)) return this.#iommufd.execute(command);
    const { errno, rule, events, out, changes } = this.#decide(command as Type1Command);
    const recorded = changes.map((change): IoasEvent => ({ type: "DriverChanged", change }));
    this.#add(recorded);
    return { errno, returned: 0, rule, events: [...events, ...recorded], out, bug: null };
  }

  fold(batch: EventBatch, from = 0, to = batch.length): void {
    this.#iommufd.fold(batch, from, to);
    for (let row = from; row < to; row++) this.#remember(eventAt(batch, row));
  }

  save(): SavedModel {
    const groups = this.files.groups.map((group) => group && { ...group });
    const files = { groups, devices: [...this.files.devices] };
    const driver = { kind: "iommufd-vfio-compat", ...this.#iommufd.savePages(), ...files } as const;
    return { state: this.state, driver, tables: [] };
  }

  /** Its events are folded already; its `changes` are not. */
  #decide(call: Type1Command): FileOutcome {
    switch (call.command) {
      case "OpenGroup":
        return this.#added(openGroup(this.files, call.group, this.#machine.devices.values()));
      case "QueryGroupStatus":
        return queryGroupStatus(this.files, call);
      case "SetContainer":
        return this.#setContainer(call);
      case "UnsetContainer":
        return this.#added(unsetContainer(this.files, call));
      case "OpenDevice":
        return this.#openDevice(call);
      case "CloseFile":
        return this.#closeFile(call);
      default:
        return this.#onContainer(call as CompatCommand);
    }
  }

  #onContainer(call: CompatCommand): FileOutcome {
    if ("container" in call && call.container !== CONTAINER) return this.#added(refusedCall(call.command, BAD_FILE));
    if (call.command === "CheckExtension" && call.extension === DMA_CC_IOMMU)
      throw new IoasisError("ERR_INPUT", "CheckExtension 4 (VFIO_DMA_CC_IOMMU): no host profile tells cache coherency");
    const { profile } = this.#machine;
    return this.#added({ ...decideCompat(this.state, call, profile, this.environment), changes: [] });
  }

  #setContainer(call: SetContainer): FileOutcome {
    const refusal = joinRefusal(this.files, call);
    if (refusal !== null || call.group === null) return this.#added(refusedCall(call.command, refusal ?? BAD_FILE));
    return { ...this.#onContainer(call), changes: [{ type: "GroupJoined", group: call.group }] };
  }

  /** The first file of a device binds it and attaches it; a refused attach lets it go again (vfio_df_group_open). */
  #openDevice({ command, group, name }: OpenDevice): FileOutcome {
    const refusal = deviceRefusal(this.files, group, this.#machine.devices.get(name));
    if (refusal !== null) return this.#added(refusedCall(command, refusal));
    const opened = changed(this.files.devices.length, { type: "DeviceOpened", device: name });
    if (this.files.openings(name) > 0) return opened;
    const bound = this.#iommufd.execute({ command: "BindVfioDevice", device: name } as ModelCommand);
    if (bound.errno !== null) return { ...bound, changes: [] };
    const attached = this.#attach(name);
    const events = [...bound.events, ...attached.events];
    if (attached.errno === null) return { ...opened, events };
    return { ...attached, events: [...events, ...this.#unbind(name)], changes: [] };
  }

  #attach(device: DeviceName): Pick<FileOutcome, "errno" | "rule" | "out" | "events"> {
    const ptId = compatSpaceOf(this.state)?.kernelId ?? null;
    if (ptId === null) return this.#added(refusedCall("OpenDevice", NO_SPACE));
    return this.#iommufd.execute({ command: "AttachVfioDevice", device, ptId } as ModelCommand);
  }

  #unbind(device: DeviceName): IoasEvent[] {
    const events = unbindEvents(this.state, device);
    this.#add(events);
    return events;
  }

  #closeFile({ command, file }: CloseFile): FileOutcome {
    if (file.kind === "container" && file.handle === CONTAINER)
      throw new IoasisError("ERR_INPUT", "CloseFile container0: a context is this file, and ends with it");
    if (!isOpen(this.files, file) || file.kind === "none" || file.kind === "foreign")
      return this.#added(refusedCall(command, BAD_FILE));
    if (file.kind !== "device") return changed({}, { type: "GroupClosed", group: file.handle });
    const device = this.files.devices[file.handle] ?? "";
    const events = this.files.openings(device) === 1 ? this.#unbind(device) : [];
    return { ...changed({}, { type: "DeviceClosed", file: file.handle }), events };
  }

  #added<Decided extends FileOutcome>(decided: Decided): Decided {
    this.#add(decided.events);
    return decided;
  }

  #add(events: readonly IoasEvent[]): void {
    this.#iommufd.add(events);
    for (const event of events) this.#remember(event);
  }

  #remember(event: IoasEvent): void {
    if (event.type === "DriverChanged") this.files.apply(event.change);
  }
}
