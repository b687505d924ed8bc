/** The fold of what calls change. Events of one state only: handles must exist. */
import { AreaTable } from "../area-table.ts";
import { unreachable } from "../assert.ts";
import { SOURCE_KINDS } from "../source.ts";
import type { SpaprEvent } from "./events.ts";
import { applyToFiles, type FileEvent } from "./evolve-files.ts";
import { containerOf, driverOf, firstPe, peOf, windowOf } from "./handles.ts";
import { type Container, type Driver, lastOf, SLOTS, type SpaprState, type TceWindow } from "./state.ts";

/** Column form of a `va` source (see `EventBatch`), before the bits of the protection. */
const VA_TRAITS = SOURCE_KINDS.indexOf("va") << 2;

export function applySpapr(state: SpaprState, event: SpaprEvent, kernelPageShift: number): void {
  state.version++;
  switch (event.type) {
    case "ContainerOpened":
    case "ContainerClosed":
    case "GroupOpened":
    case "DeviceOpened":
    case "DeviceClosed":
    case "GroupJoined":
    case "GroupLeft":
      applyToFiles(state, event);
      return;
    case "ChargeKept":
      state.lockedPages += event.pages;
      return;
    case "PePoisoned":
      peOf(state, event.pe).isPoisoned = true;
      return;
    case "UseCountLeaked": {
      const region = state.regions.at(event.va);
      if (region !== null) region.mapped++;
      return;
    }
    case "MemoryCorrupted":
      state.isCorrupted = true;
      return;
    case "DriverSet":
      containerOf(state, event.container).driver = newDriver(state, event.container, event.version);
      return;
    case "DriverReleased":
      releaseDriver(state, containerOf(state, event.container), kernelPageShift);
      return;
    default:
      applyToDriver(state, driverOf(state, event.container), event, kernelPageShift);
  }
}

type DriverEvent = Exclude<
  Extract<SpaprEvent, { container: number }>,
  FileEvent | { type: "DriverSet" | "DriverReleased" }
>;

function applyToDriver(state: SpaprState, driver: Driver, event: DriverEvent, kernelPageShift: number): void {
  switch (event.type) {
    case "ProcessTied":
      driver.hasMm = true;
      return;
    case "ContainerEnabled":
      driver.isEnabled = true;
      driver.enabledPages = event.chargedPages;
      state.lockedPages += event.chargedPages;
      return;
    case "ContainerDisabled":
      disable(state, driver);
      return;
    case "DefaultWindowSettled":
      driver.isDefaultPending = false;
      return;
    case "WindowCreated":
      if (event.shape.isDefault) firstPe(state, driver).leftover = null;
      state.lockedPages += event.shape.chargedPages;
      driver.windows = driver.windows.with(event.slot, { ...event.shape, table: new AreaTable() });
      return;
    case "WindowRemoved":
      removeWindow(state, driver, event.slot);
      return;
    case "TcesSet": {
      const window = windowOf(driver, event.slot);
      clear(state, driver, window, event.first, event.last);
      const { first, last, va, flags } = event;
      window.table.insert(first, last, VA_TRAITS | flags, va, -1, null, state.version);
      if (driver.version === 2) state.regions.count(va, last - first + 1n, window.pageShift, 1);
      return;
    }
    case "TcesCleared":
      clear(state, driver, windowOf(driver, event.slot), event.first, event.last);
      return;
    case "RegionRegistered":
      register(state, driver, event, kernelPageShift);
      return;
    case "RegionUnregistered":
      unregister(state, driver, event.va, kernelPageShift);
      return;
    default:
      unreachable(event);
  }
}

function newDriver(state: SpaprState, container: number, version: 1 | 2): Driver {
  const { groups } = containerOf(state, container);
  return {
    version,
    // Each is put first as it is attached, so the one that joined last ends up last.
    groups: [...groups].reverse(),
    hasMm: false,
    isEnabled: false,
    enabledPages: 0n,
    isDefaultPending: true,
    windows: Array.from({ length: SLOTS }, () => null),
    registered: new Set(),
  };
}

/** tce_iommu_release: windows first, then regions, then what ENABLE charged. */
function releaseDriver(state: SpaprState, container: Container, kernelPageShift: number): void {
  const { driver } = container;
  if (driver === null) return;
  driver.windows.forEach((window, slot) => {
    if (window !== null) removeWindow(state, driver, slot);
  });
  for (const va of [...driver.registered]) unregister(state, driver, va, kernelPageShift);
  disable(state, driver);
  container.driver = null;
}

function disable(state: SpaprState, driver: Driver): void {
  if (!driver.isEnabled || driver.version === 2) return;
  driver.isEnabled = false;
  state.lockedPages -= driver.enabledPages;
}

/** tce_iommu_remove_window: what lies past the window's end in the firmware's table stays there. */
function removeWindow(state: SpaprState, driver: Driver, slot: number): void {
  const window = windowOf(driver, slot);
  clear(state, driver, window, window.start, lastOf(window));
  state.lockedPages -= window.chargedPages;
  driver.windows = driver.windows.with(slot, null);
  if (window.isDefault && window.table.size > 0) firstPe(state, driver).leftover = window.table;
}

/** tce_iommu_clear */
function clear(state: SpaprState, { version }: Driver, window: TceWindow, first: bigint, last: bigint): void {
  if (!window.table.overlaps(first, last)) return;
  if (version === 2)
    for (const area of window.table.list(first, last)) {
      if (area.source.kind !== "va") continue;
      const from = area.iova < first ? first : area.iova;
      const to = area.last > last ? last : area.last;
      state.regions.count(area.source.va + (from - area.iova), to - from + 1n, window.pageShift, -1);
    }
  window.table.remove(first, last);
}

function register(
  state: SpaprState,
  driver: Driver,
  { va, length, pageShift }: Extract<SpaprEvent, { type: "RegionRegistered" }>,
  kernelPageShift: number,
): void {
  const known = state.regions.exact(va, length);
  if (known !== null) known.used++;
  else {
    state.regions.add({ va, length, pageShift, used: 1, mapped: 1 });
    state.lockedPages += length >> BigInt(kernelPageShift);
  }
  driver.registered.add(va);
  driver.isEnabled = true;
}

function unregister(state: SpaprState, driver: Driver, va: bigint, kernelPageShift: number): void {
  driver.registered.delete(va);
  const region = state.regions.at(va);
  if (region === null || !state.regions.put(region)) return;
  state.lockedPages -= region.length >> BigInt(kernelPageShift);
}
