/** What the type1 driver of a context remembers, as a plain record and back. Its tables are the mappings, by container. */
import { AreaTable } from "../area-table.ts";
import { assert } from "../assert.ts";
import type { IoasHandle } from "../events.ts";
import { type Container, type Device, Driver, type Group, Type1State } from "../type1/state.ts";
import { type Type1Profile, VFIO_TYPE1, VFIO_TYPE1V2 } from "../type1/type1-profile.ts";
import type { Plain } from "./saved-model.ts";

export interface SavedType1 extends Plain<Omit<Type1State, "containers" | "groups" | "devices">> {
  readonly kind: "vfio-type1";
  /** Events that are still to come and say what the driver knows already. */
  readonly facts: number;
  readonly spaces: readonly (readonly [container: number, ioas: IoasHandle])[];
  readonly containers: readonly (Omit<Container, "driver"> & { readonly driver: SavedType1Driver | null })[];
  readonly groups: readonly Readonly<Group>[];
  readonly devices: readonly Readonly<Device>[];
}

export interface SavedType1Driver extends Plain<Omit<Driver, "profile" | "mappings" | "entriesLeft" | "spareBits">> {
  readonly profile: Type1Profile["name"];
  /** Bits in words of 64, the lowest first. */
  readonly spareBits: readonly (readonly [iova: bigint, words: readonly bigint[]])[] | null;
}

const WORD_BITS = 64n;

export function saveType1(
  { containers, groups, devices, lockedPages, hasLostMapping, version }: Type1State,
  spaces: ReadonlyMap<number, IoasHandle>,
  facts: number,
): SavedType1 {
  return {
    kind: "vfio-type1",
    facts,
    spaces: [...spaces],
    containers: containers.map(({ driver, ...rest }) => ({ ...rest, driver: driver && savedDriver(driver) })),
    groups: groups.map((group) => ({ ...group })),
    devices: devices.map((device) => ({ ...device })),
    lockedPages,
    hasLostMapping,
    version,
  };
}

export function tablesOfType1({ containers }: Type1State): AreaTable[] {
  return containers.flatMap(({ driver }) => driver?.mappings ?? []);
}

export function restoredType1(saved: SavedType1, tables: readonly AreaTable[]): Type1State {
  const state = new Type1State();
  const left = [...tables];
  for (const { driver, ...rest } of saved.containers)
    state.containers.push({ ...rest, driver: driver && restoredDriver(driver, left.shift() ?? new AreaTable()) });
  assert(left.length === 0, "as many tables as drivers");
  for (const group of saved.groups) state.groups.push({ ...group });
  for (const device of saved.devices) state.devices.push({ ...device });
  state.lockedPages = saved.lockedPages;
  state.hasLostMapping = saved.hasLostMapping;
  state.version = saved.version;
  return state;
}

function savedDriver(driver: Driver): SavedType1Driver {
  const { profile, entriesMax, layout, chargedPages, partCharges, invalidVaddrs, spareBits, isMisled } = driver;
  return {
    profile: profile.name,
    entriesMax,
    layout,
    chargedPages,
    partCharges: [...partCharges],
    invalidVaddrs: [...invalidVaddrs],
    spareBits: spareBits && [...spareBits].map(([iova, bits]) => [iova, wordsOf(bits)] as const),
    isMisled,
  };
}

function restoredDriver(saved: SavedType1Driver, mappings: AreaTable): Driver {
  const profile = saved.profile === VFIO_TYPE1.name ? VFIO_TYPE1 : VFIO_TYPE1V2;
  const driver = new Driver(profile, saved.entriesMax, saved.layout, mappings);
  driver.chargedPages = saved.chargedPages;
  for (const [iova, pages] of saved.partCharges) driver.partCharges.set(iova, pages);
  for (const iova of saved.invalidVaddrs) driver.invalidVaddrs.add(iova);
  driver.spareBits = saved.spareBits && new Map(saved.spareBits.map(([iova, words]) => [iova, bitsOf(words)]));
  driver.isMisled = saved.isMisled;
  return driver;
}

/** A number of any size as 64-bit words, the lowest first: records hold no larger ones. */
export function wordsOf(bits: bigint): bigint[] {
  const words: bigint[] = [];
  for (let rest = bits; rest > 0n; rest >>= WORD_BITS) words.push(BigInt.asUintN(Number(WORD_BITS), rest));
  return words;
}

export function bitsOf(words: readonly bigint[]): bigint {
  return words.reduceRight((bits, word) => (bits << WORD_BITS) | word, 0n);
}
