/** What the driver of a saved model remembers as one msgpack value, with every field named: a new one must be added here. */
import type { SavedDriver } from "@ioasis/core";
import * as check from "./checks.ts";
import { damaged } from "./damage.ts";

type Fields<T> = Readonly<Record<keyof T, check.Check>>;
type Of<Kind extends SavedDriver["kind"]> = Extract<SavedDriver, { readonly kind: Kind }>;
type FieldsOf<Kind extends SavedDriver["kind"]> = Fields<Omit<Of<Kind>, "kind">>;
type Item<List> = List extends readonly (infer T)[] ? T : never;
type Type1Container = Item<Of<"vfio-type1">["containers"]>;
type SpaprContainer = Item<Of<"spapr-tce">["containers"]>;

const id = check.orNull(check.number);
const flag = check.flag;
const list = check.listOf;
const pages = check.i64;
const numbers = list(check.number);

const PAGES = {
  copies: list(check.tupleOf(check.number, check.number, check.number)),
  shared: list(id),
};
const GROUP = check.recordOf({ number: check.number, isJoined: flag });

const SPACES = list(check.tupleOf(check.number, check.handle));
const DEVICES = list(check.recordOf({ handle: check.number, group: check.number, isOpen: flag }));
const LAYOUT = check.recordOf({
  iovas: check.ranges,
  domains: list(check.recordOf({ aperture: check.range, groups: numbers })),
});
const TYPE1_DRIVER: Fields<NonNullable<Type1Container["driver"]>> = {
  profile: check.oneOf("vfio-type1", "vfio-type1v2"),
  entriesMax: check.number,
  layout: LAYOUT,
  chargedPages: pages,
  partCharges: list(check.tupleOf(check.address, pages)),
  invalidVaddrs: list(check.address),
  spareBits: check.orNull(list(check.tupleOf(check.address, list(check.address)))),
  isMisled: flag,
};
const TYPE1_CONTAINER: Fields<Type1Container> = {
  handle: check.number,
  isOpen: flag,
  groups: numbers,
  driver: check.orNull(check.recordOf(TYPE1_DRIVER)),
};
const TYPE1_GROUP: Fields<Item<Of<"vfio-type1">["groups"]>> = {
  handle: check.number,
  number: check.number,
  isOpen: flag,
  container: id,
  openDevices: check.number,
};

const WINDOW: Fields<NonNullable<Item<NonNullable<SpaprContainer["driver"]>["windows"]>>> = {
  start: check.address,
  pageShift: check.number,
  entries: check.number,
  firmwareEntries: check.number,
  viewEntries: check.number,
  chargedPages: pages,
  isDefault: flag,
};
const SPAPR_DRIVER: Fields<NonNullable<SpaprContainer["driver"]>> = {
  version: check.oneOf(1, 2),
  groups: numbers,
  hasMm: flag,
  isEnabled: flag,
  enabledPages: pages,
  isDefaultPending: flag,
  windows: list(check.orNull(check.recordOf(WINDOW))),
  registered: list(check.address),
};
const SPAPR_CONTAINER: Fields<SpaprContainer> = {
  handle: check.number,
  isOpen: flag,
  groups: numbers,
  driver: check.orNull(check.recordOf(SPAPR_DRIVER)),
};
const SPAPR_GROUP: Fields<Item<Of<"spapr-tce">["groups"]>> = {
  handle: check.number,
  pe: check.number,
  container: id,
  openDevices: check.number,
};
const PE: Fields<Item<Of<"spapr-tce">["pes"]>[1]> = { isPoisoned: flag, hasLeftover: flag };
const REGION: Fields<Item<Of<"spapr-tce">["regions"]>> = {
  va: check.address,
  length: check.bytes,
  pageShift: check.number,
  used: check.number,
  mapped: check.number,
};

const DRIVERS: { readonly [Kind in SavedDriver["kind"]]: FieldsOf<Kind> } = {
  iommufd: PAGES,
  "iommufd-vfio-compat": { ...PAGES, groups: list(check.orNull(GROUP)), devices: list(check.orNull(check.text)) },
  "vfio-type1": {
    facts: check.number,
    spaces: SPACES,
    containers: list(check.recordOf(TYPE1_CONTAINER)),
    groups: list(check.recordOf(TYPE1_GROUP)),
    devices: DEVICES,
    lockedPages: pages,
    hasLostMapping: flag,
    version: check.number,
  },
  "spapr-tce": {
    facts: check.number,
    spaces: SPACES,
    containers: list(check.recordOf(SPAPR_CONTAINER)),
    groups: list(check.recordOf(SPAPR_GROUP)),
    devices: DEVICES,
    pes: list(check.tupleOf(check.number, check.recordOf(PE))),
    regions: list(check.recordOf(REGION)),
    lockedPages: pages,
    isCorrupted: flag,
    version: check.number,
  },
  "virtio-iommu": {},
};

/** @throws IoasisError ERR_BLOCK */
export function driverOfRecord(value: unknown): SavedDriver {
  const { kind, ...fields } = (value ?? {}) as { readonly kind?: unknown };
  if (typeof kind !== "string" || !Object.hasOwn(DRIVERS, kind)) throw damaged(`saved model: driver ${String(kind)}`);
  const problem = check.recordProblem(fields, DRIVERS[kind as SavedDriver["kind"]]);
  if (problem !== null) throw damaged(`saved model: driver: ${problem}`);
  return value as SavedDriver;
}

/** How many tables of areas go with it. */
export function tablesOf(driver: SavedDriver): number {
  if (driver.kind === "vfio-type1") return driver.containers.filter((container) => container.driver !== null).length;
  if (driver.kind !== "spapr-tce") return 0;
  const windows = driver.containers.flatMap((container) => container.driver?.windows ?? []);
  const leftovers = driver.pes.filter(([, { hasLeftover }]) => hasLeftover);
  return windows.filter((window) => window !== null).length + leftovers.length;
}
