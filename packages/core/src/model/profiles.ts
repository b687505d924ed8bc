/** The profiles that take commands: one row each. What `ContextCreated` says makes the model. */
import type { EventBatch } from "../event-batch.ts";
import { eventAt } from "../event-batch.ts";
import type { IoasEvent } from "../events.ts";
import type { ProfileName } from "../fact.ts";
import { IoasisError } from "../failure.ts";
import { kernelProfile } from "../profile/kernel-profile.ts";
import { TYPE1_IOMMU, TYPE1V2_IOMMU } from "../type1/type1-profile.ts";
import { CONTAINER_OPENED, CompatModel } from "./compat-model.ts";
import { DriverModel } from "./driver-model.ts";
import { IommufdModel } from "./iommufd-model.ts";
import { compatMachine, iommufdMachine, spaprMachine, type1Machine } from "./machines.ts";
import type { Model } from "./model.ts";
import { type ContextCreated, type Setup, setupOf } from "./setup.ts";
import { SpaprDriver } from "./spapr-model.ts";
import { Type1Driver } from "./type1-model.ts";
import { virtioIommuMachine } from "./virtio-machine.ts";
import { VirtioIommuModel } from "./virtio-model.ts";

/** @throws IoasisError ERR_INPUT: a host that does not tell what decides outcomes, a kernel without a model */
type MakeModel = (setup: Setup) => Model;

interface ProfileRow {
  /** The kernel where none is named; null: the profile has one for all. */
  readonly kernel: string | null;
  readonly make: MakeModel;
  /** What making a context does besides, for the first batch. */
  readonly opened?: readonly IoasEvent[];
}

const type1 =
  (iommuType: number): MakeModel =>
  (setup) =>
    new DriverModel(new Type1Driver(type1Machine(setup), iommuType));

/** VFIO_SPAPR_TCE_IOMMU is 2, VFIO_SPAPR_TCE_v2_IOMMU is 7. */
const spapr =
  (iommuType: number): MakeModel =>
  (setup) => {
    const { environment, devices } = spaprMachine(setup);
    return new DriverModel(new SpaprDriver(environment, devices, iommuType));
  };

const PROFILES: ReadonlyMap<ProfileName, ProfileRow> = new Map<ProfileName, ProfileRow>([
  ["iommufd", { kernel: "6.12", make: (setup) => new IommufdModel(iommufdMachine(setup)) }],
  ["vfio-type1v2", { kernel: null, make: type1(TYPE1V2_IOMMU) }],
  ["vfio-type1", { kernel: null, make: type1(TYPE1_IOMMU) }],
  ["spapr-tce-v2", { kernel: "6.12", make: spapr(7) }],
  ["spapr-tce", { kernel: "6.12", make: spapr(2) }],
  [
    "iommufd-vfio-compat",
    { kernel: "6.12", make: (setup) => new CompatModel(compatMachine(setup)), opened: [CONTAINER_OPENED] },
  ],
  ["virtio-iommu", { kernel: null, make: (setup) => new VirtioIommuModel(virtioIommuMachine(setup)) }],
]);

/** Whose calls a policy is asked about. */
const WITH_POLICY: readonly ProfileName[] = ["iommufd", "vfio-type1v2", "vfio-type1", "spapr-tce-v2", "spapr-tce"];

export const MODELLED_PROFILES: readonly ProfileName[] = [...PROFILES.keys()];

/** The kernel's release that a context of this profile gets. @throws IoasisError ERR_INPUT */
export function kernelOf(profile: ProfileName, asked: string | null): string | null {
  const row = rowOf(profile);
  if (row.kernel === null && asked !== null)
    throw new IoasisError("ERR_INPUT", `profile ${profile} is the same for every kernel: leave --kernel out`);
  return asked === null || row.kernel === null ? row.kernel : kernelProfile(asked).release;
}

/** An empty model of a new context. @throws IoasisError ERR_INPUT */
export function modelOf(created: ContextCreated): Model {
  const setup = setupOf(created);
  if (setup.policy !== null && !WITH_POLICY.includes(setup.profile))
    throw new IoasisError("ERR_INPUT", `policy ${setup.policy}: contexts of ${WITH_POLICY.join(", ")} are held to one`);
  return rowOf(created.profile).make(setup);
}

/** What the journal of a new context begins with. */
export function firstEvents(created: ContextCreated): readonly IoasEvent[] {
  return [created, ...(rowOf(created.profile).opened ?? [])];
}

/** The model of a history. @throws IoasisError ERR_INPUT for one that was imported, and as `modelOf` */
export function loadModel(batches: Iterable<EventBatch>): Model {
  let model: Model | null = null;
  for (const batch of batches) {
    model ??= modelOf(createdIn(batch));
    model.fold(batch);
  }
  if (model === null) throw notMadeForCommands();
  return model;
}

function createdIn(batch: EventBatch): ContextCreated {
  const event = batch.length === 0 || batch.firstVersion !== 1 ? null : eventAt(batch, 0);
  if (event?.type === "ContextCreated") return event;
  throw notMadeForCommands();
}

function rowOf(profile: ProfileName): ProfileRow {
  const row = PROFILES.get(profile);
  if (row !== undefined) return row;
  const names = MODELLED_PROFILES.join(", ");
  throw new IoasisError("ERR_INPUT", `profile ${profile} takes no commands: one of ${names} does`);
}

function notMadeForCommands(): IoasisError {
  return new IoasisError(
    "ERR_INPUT",
    "the context was not made for commands (its first event is no ContextCreated): make one with ioasis create",
  );
}
