/** A host on which a plan of VFIO's containers is carried out: the model of its driver, and the files that the VMM has open. */
import type { DeviceName, IoasHandle } from "../events.ts";
import { DriverModel } from "../model/driver-model.ts";
import type { Model, ModelCommand, ModelOutcome } from "../model/model.ts";
import { SpaprDriver } from "../model/spapr-model.ts";
import type { Source } from "../source.ts";
import type { Driver } from "../spapr/state.ts";
import type { ContextState, Space } from "../state.ts";
import { recordedAddress } from "./destination.ts";

export interface VfioDestinationOptions {
  /** Of the profile that the plan's calls are of: a fresh one, `modelOf` makes it of the host's profile. */
  readonly model: Model;
  /** The group here of devices whose group the plan does not tell, or of a container without any; null: none. */
  readonly groupOf?: (devices: readonly DeviceName[], space: IoasHandle) => number | null;
  /** The VMM's address of a source; null: it has none. Default: the recorded address, or the guest's own. */
  readonly addressOf?: (source: Source) => bigint | null;
}

export class VfioDestination {
  readonly model: Model;
  readonly groupOf: (devices: readonly DeviceName[], space: IoasHandle) => number | null;
  readonly addressOf: (source: Source) => bigint | null;
  /** What the plan's spaces are here. A space is there from VFIO_SET_IOMMU on, its container before. */
  readonly spaces = new Map<IoasHandle, IoasHandle>();
  readonly containers = new Map<IoasHandle, number>();
  /** Open group files by the group's number. They stay open. */
  readonly groups = new Map<number, number>();
  /** The container's handle that each group is in, by the group's number. */
  readonly joined = new Map<number, number>();
  readonly devices = new Map<DeviceName, number>();

  constructor({ model, groupOf = () => null, addressOf = recordedAddress }: VfioDestinationOptions) {
    this.model = model;
    this.groupOf = groupOf;
    this.addressOf = addressOf;
  }

  get state(): ContextState {
    return this.model.state;
  }

  space(handle: IoasHandle): Space | null {
    const here = this.spaces.get(handle);
    const space = here === undefined ? undefined : this.state.spaces[here];
    return space?.isAlive === true ? space : null;
  }

  call<Command extends ModelCommand>(command: Command): ModelOutcome {
    return this.model.execute(command);
  }

  /** What the sPAPR driver knows of a container; null: no such driver, or none is set. */
  spaprDriver(space: IoasHandle): Driver | null {
    const { model } = this;
    if (!(model instanceof DriverModel) || !(model.driver instanceof SpaprDriver)) return null;
    return model.driver.spapr.containers[this.containers.get(space) ?? -1]?.driver ?? null;
  }
}
