/**
 * What the sPAPR TCE driver of a context remembers, as a plain record and back. Its tables are those of the windows,
 * by container and slot, then what PEs kept of a window that is gone.
 */
import { AreaTable } from "../area-table.ts";
import { assert } from "../assert.ts";
import type { IoasHandle } from "../events.ts";
import type { PeNumber } from "../spapr/environment.ts";
import type { Region } from "../spapr/regions.ts";
import {
  type Container,
  type Device,
  type Driver,
  type Group,
  type Pe,
  SpaprState,
  type WindowShape,
} from "../spapr/state.ts";
import type { Plain } from "./saved-model.ts";

export interface SavedSpapr extends Plain<Omit<SpaprState, "containers" | "groups" | "devices" | "pes" | "regions">> {
  readonly kind: "spapr-tce";
  /** Events that are still to come and say what the driver knows already. */
  readonly facts: number;
  readonly spaces: readonly (readonly [container: number, ioas: IoasHandle])[];
  readonly containers: readonly (Omit<Container, "driver"> & { readonly driver: SavedSpaprDriver | null })[];
  readonly groups: readonly Readonly<Group>[];
  readonly devices: readonly Readonly<Device>[];
  readonly pes: readonly (readonly [PeNumber, SavedPe])[];
  /** By address. */
  readonly regions: readonly Readonly<Region>[];
}

export interface SavedSpaprDriver extends Plain<Omit<Driver, "windows">> {
  readonly windows: readonly (WindowShape | null)[];
}

export interface SavedPe extends Omit<Pe, "leftover"> {
  readonly hasLeftover: boolean;
}

export function saveSpapr(
  { containers, groups, devices, pes, regions, lockedPages, isCorrupted, version }: SpaprState,
  spaces: ReadonlyMap<number, IoasHandle>,
  facts: number,
): SavedSpapr {
  return {
    kind: "spapr-tce",
    facts,
    spaces: [...spaces],
    containers: containers.map(({ driver, ...rest }) => ({ ...rest, driver: driver && savedDriver(driver) })),
    groups: groups.map((group) => ({ ...group })),
    devices: devices.map((device) => ({ ...device })),
    pes: [...pes].map(([pe, { leftover, ...rest }]) => [pe, { ...rest, hasLeftover: leftover !== null }] as const),
    regions: regions.list().map((region) => ({ ...region })),
    lockedPages,
    isCorrupted,
    version,
  };
}

export function tablesOfSpapr({ containers, pes }: SpaprState): AreaTable[] {
  const windows = containers.flatMap(({ driver }) => driver?.windows ?? []);
  return [...windows.flatMap((window) => window?.table ?? []), ...[...pes.values()].flatMap((pe) => pe.leftover ?? [])];
}

export function restoredSpapr(saved: SavedSpapr, tables: readonly AreaTable[]): SpaprState {
  const state = new SpaprState();
  const left = [...tables];
  const next = (): AreaTable => left.shift() ?? new AreaTable();
  for (const { driver, ...rest } of saved.containers)
    state.containers.push({ ...rest, driver: driver && restoredDriver(driver, next) });
  for (const group of saved.groups) state.groups.push({ ...group });
  for (const device of saved.devices) state.devices.push({ ...device });
  for (const [pe, { hasLeftover, ...rest }] of saved.pes)
    state.pes.set(pe, { ...rest, leftover: hasLeftover ? next() : null });
  assert(left.length === 0, "as many tables as windows and leftovers");
  for (const region of saved.regions) state.regions.add({ ...region });
  state.lockedPages = saved.lockedPages;
  state.isCorrupted = saved.isCorrupted;
  state.version = saved.version;
  return state;
}

function savedDriver({ windows, registered, ...rest }: Driver): SavedSpaprDriver {
  const shapes = windows.map((window) => {
    if (window === null) return null;
    const { table: _, ...shape } = window;
    return shape;
  });
  return { ...rest, windows: shapes, registered: [...registered] };
}

function restoredDriver({ windows, registered, ...rest }: SavedSpaprDriver, next: () => AreaTable): Driver {
  return {
    ...rest,
    windows: windows.map((shape) => shape && { ...shape, table: next() }),
    registered: new Set(registered),
  };
}
