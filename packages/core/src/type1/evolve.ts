/** The fold of what calls change. Events of one state only: handles must exist. */
import { type Iova, U64_MAX } from "../address.ts";
import { assert, unreachable } from "../assert.ts";
import { SOURCE_KINDS } from "../source.ts";
import { PAGE_BYTES } from "./environment.ts";
import type { Type1Event } from "./events.ts";
import { type Container, Driver, type Type1State } from "./state.ts";

/** Column form of a `va` source (see `EventBatch`), before the bits of the protection. */
const VA_TRAITS = SOURCE_KINDS.indexOf("va") << 2;

export function applyType1(state: Type1State, event: Type1Event): void {
  state.version++;
  switch (event.type) {
    case "ContainerOpened":
      state.containers.push({ handle: state.containers.length, isOpen: true, groups: [], driver: null });
      return;
    case "ContainerClosed":
      containerOf(state, event.container).isOpen = false;
      return;
    case "GroupOpened": {
      const handle = state.groups.length;
      state.groups.push({ handle, number: event.group, isOpen: true, container: null, openDevices: 0 });
      return;
    }
    case "GroupClosed":
      groupOf(state, event.group).isOpen = false;
      return;
    case "DeviceOpened":
      state.devices.push({ handle: state.devices.length, group: event.group, isOpen: true });
      groupOf(state, event.group).openDevices++;
      return;
    case "DeviceClosed": {
      const device = state.devices[event.device];
      assert(device !== undefined, `device ${event.device} exists`);
      device.isOpen = false;
      groupOf(state, device.group).openDevices--;
      return;
    }
    case "GroupJoined": {
      const container = containerOf(state, event.container);
      container.groups = [event.group, ...container.groups];
      groupOf(state, event.group).container = event.container;
      return;
    }
    case "GroupLeft": {
      const group = groupOf(state, event.group);
      if (group.container === null) return;
      const container = containerOf(state, group.container);
      container.groups = container.groups.filter((handle) => handle !== event.group);
      group.container = null;
      return;
    }
    case "DriverSet":
      containerOf(state, event.container).driver = new Driver(event.profile, event.entriesMax, event.layout);
      return;
    case "DriverReleased": {
      const container = containerOf(state, event.container);
      state.lockedPages -= driverOf(state, event.container).chargedPages;
      container.driver = null;
      return;
    }
    case "LayoutChanged":
      driverOf(state, event.container).layout = event.layout;
      return;
    default:
      applyToMappings(state, driverOf(state, event.container), event);
  }
}

type MappingEvent = Extract<
  Type1Event,
  { type: `Dma${string}` | `Vaddr${string}` | "DirtyTrackingStarted" | "DirtyTrackingStopped" | "DirtyBitmapsRead" }
>;

function applyToMappings(state: Type1State, driver: Driver, event: MappingEvent): void {
  switch (event.type) {
    case "DmaMapped": {
      const { first, last } = event.range;
      // Past a mapping at the top of the space the model only guesses; what it guesses may overlap.
      if (driver.isMisled || last === U64_MAX) driver.mappings.remove(first, last);
      driver.mappings.insert(first, last, VA_TRAITS | event.flags, event.userVa, -1, null, state.version);
      charge(state, driver, event);
      if (last === U64_MAX) state.hasLostMapping = driver.isMisled = true;
      return;
    }
    case "DmaUnmapped":
      for (const iova of event.iovas) removeMapping(state, driver, iova);
      return;
    case "VaddrsInvalidated":
      for (const iova of event.iovas) driver.invalidVaddrs.add(iova);
      return;
    case "VaddrUpdated": {
      const area = driver.mappings.at(event.iova);
      assert(area !== null, "an updated mapping exists");
      const flags = (area.prot !== "w" ? 1 : 0) | (area.prot !== "r" ? 2 : 0);
      driver.mappings.remove(area.iova, area.last);
      driver.mappings.insert(area.iova, area.last, VA_TRAITS | flags, event.userVa, -1, null, state.version);
      driver.invalidVaddrs.delete(event.iova);
      return;
    }
    case "DirtyTrackingStarted":
      driver.spareBits = new Map();
      return;
    case "DirtyTrackingStopped":
      driver.spareBits = null;
      return;
    case "DirtyBitmapsRead":
      for (const [iova, bits] of event.spareBits)
        if (bits === 0n) driver.spareBits?.delete(iova);
        else driver.spareBits?.set(iova, bits);
      return;
    default:
      unreachable(event);
  }
}

function charge(
  state: Type1State,
  driver: Driver,
  { range: { first, last }, lockedPages }: Extract<MappingEvent, { type: "DmaMapped" }>,
): void {
  if (lockedPages !== (last - first + 1n) / PAGE_BYTES) driver.partCharges.set(first, lockedPages);
  driver.chargedPages += lockedPages;
  state.lockedPages += lockedPages;
}

function removeMapping(state: Type1State, driver: Driver, iova: Iova): void {
  const taken = driver.mappings.take(iova);
  if (taken === null) return;
  const first = taken.first as Iova;
  const { last } = taken;
  const { partCharges, invalidVaddrs, spareBits } = driver;
  const pages = (partCharges.size > 0 ? partCharges.get(first) : undefined) ?? (last - first + 1n) / PAGE_BYTES;
  driver.chargedPages -= pages;
  state.lockedPages -= pages;
  // Most drivers have none of these, and a look-up by a bigint is not cheap.
  if (partCharges.size > 0) partCharges.delete(first);
  if (invalidVaddrs.size > 0) invalidVaddrs.delete(first);
  if (spareBits !== null && spareBits.size > 0) spareBits.delete(first);
}

function containerOf(state: Type1State, handle: number): Container {
  const container = state.containers[handle];
  assert(container !== undefined, `container ${handle} exists`);
  return container;
}

function driverOf(state: Type1State, handle: number): Driver {
  const { driver } = containerOf(state, handle);
  assert(driver !== null, `container ${handle} has a driver`);
  return driver;
}

function groupOf(state: Type1State, handle: number) {
  const group = state.groups[handle];
  assert(group !== undefined, `group ${handle} exists`);
  return group;
}
