/** The profiles that take commands: one row each. What `ContextCreated` says makes the model. */
import type { EventBatch } from "../event-batch.ts";
import { eventAt } from "../event-row.ts";
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
import { type SavedModel, savedDriver } from "./saved-model.ts";
import { type ContextCreated, type Setup, setupOf } from "./setup.ts";
import { SpaprDriver } from "./spapr-model.ts";
import { restoredSpapr } from "./spapr-saved.ts";
import { Type1Driver } from "./type1-model.ts";
import { restoredType1 } from "./type1-saved.ts";
import { virtioIommuMachine } from "./virtio-machine.ts";
import { VirtioIommuModel } from "./virtio-model.ts";

/**
 * `saved`: null for an empty model.
 * @throws IoasisError ERR_INPUT: a host that does not tell what decides outcomes, a kernel without a model;
 *   ERR_BLOCK: what was saved is another driver's
 */
type MakeModel = (setup: Setup, saved: SavedModel | null) => Model;

interface ProfileRow {
  /** The kernel where none is named; null: the profile has one for all. */
  readonly kernel: string | null;
  readonly make: MakeModel;
  /** What making a context does besides, for the first batch. */
  readonly opened?: readonly IoasEvent[];
}

const iommufd: MakeModel = (setup, saved) =>
  new IommufdModel(iommufdMachine(setup), saved?.state, saved === null ? undefined : savedDriver(saved, "iommufd"));

const compat: MakeModel = (setup, saved) => {
  const driver = saved === null ? undefined : savedDriver(saved, "iommufd-vfio-compat");
  return new CompatModel(compatMachine(setup), saved?.state, driver);
};

const type1 =
  (iommuType: number): MakeModel =>
  (setup, saved) => {
    const machine = type1Machine(setup);
    if (saved === null) return new DriverModel(new Type1Driver(machine, iommuType));
    const driver = savedDriver(saved, "vfio-type1");
    const type1State = restoredType1(driver, saved.tables);
    return new DriverModel(new Type1Driver(machine, iommuType, type1State, driver.spaces), saved.state, driver.facts);
  };

/** VFIO_SPAPR_TCE_IOMMU is 2, VFIO_SPAPR_TCE_v2_IOMMU is 7. */
const spapr =
  (iommuType: number): MakeModel =>
  (setup, saved) => {
    const { environment, devices } = spaprMachine(setup);
    if (saved === null) return new DriverModel(new SpaprDriver(environment, devices, iommuType));
    const driver = savedDriver(saved, "spapr-tce");
    const state = restoredSpapr(driver, saved.tables);
    const restored = new SpaprDriver(environment, devices, iommuType, state, driver.spaces);
    return new DriverModel(restored, saved.state, driver.facts);
  };

const virtioIommu: MakeModel = (setup, saved) => {
  if (saved !== null) savedDriver(saved, "virtio-iommu");
  return new VirtioIommuModel(virtioIommuMachine(setup), saved?.state);
};

const PROFILES: ReadonlyMap<ProfileName, ProfileRow> = new Map<ProfileName, ProfileRow>([
  ["iommufd", { kernel: "6.12", make: iommufd }],
  ["vfio-type1v2", { kernel: null, make: type1(TYPE1V2_IOMMU) }],
  ["vfio-type1", { kernel: null, make: type1(TYPE1_IOMMU) }],
  ["spapr-tce-v2", { kernel: "6.12", make: spapr(7) }],
  ["spapr-tce", { kernel: "6.12", make: spapr(2) }],
  ["iommufd-vfio-compat", { kernel: "6.12", make: compat, opened: [CONTAINER_OPENED] }],
  ["virtio-iommu", { kernel: null, make: virtioIommu }],
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
  return made(created, null);
}

/** The model that was saved, its own from here on. @throws IoasisError ERR_BLOCK: it is another profile's, and as `modelOf` */
export function resumeModel(created: ContextCreated, saved: SavedModel): Model {
  return made(created, saved);
}

function made(created: ContextCreated, saved: SavedModel | null): Model {
  const setup = setupOf(created);
  if (setup.policy !== null && !WITH_POLICY.includes(setup.profile))
    throw new IoasisError("ERR_INPUT", `policy ${setup.policy}: contexts of ${WITH_POLICY.join(", ")} are held to one`);
  return rowOf(created.profile).make(setup, saved);
}

/** What the journal of a new context begins with. */
export function firstEvents(created: ContextCreated): readonly IoasEvent[] {
  return [created, ...(rowOf(created.profile).opened ?? [])];
}

/** The model of a history. @throws IoasisError ERR_INPUT for one that was imported, and as `modelOf` */
export function loadModel(batches: Iterable<EventBatch>): Model {
  let model: Model | null = null;
  for (const batch of batches) {
    model ??= modelOf(createdOf(batch));
    model.fold(batch);
  }
  if (model === null) throw notMadeForCommands();
  return model;
}

/** What a context was made with, from the first batch of its history. @throws IoasisError ERR_INPUT: it was imported */
export function createdOf(batch: EventBatch | undefined): ContextCreated {
  const event = batch === undefined || batch.length === 0 || batch.firstVersion !== 1 ? null : eventAt(batch, 0);
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
