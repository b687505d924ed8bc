/** What the type1 driver's events say of address spaces: one ioas for the life of a container's driver. */
import { type Iova, lengthOf } from "../address.ts";
import type { IoasEvent, IoasHandle } from "../events.ts";
import { holes, type Range, WHOLE_SPACE } from "../range.ts";
import { PROTS, type Prot } from "../source.ts";
import type { ContextState } from "../state.ts";
import type { GroupTraits } from "../type1/environment.ts";
import type { Type1Event } from "../type1/events.ts";
import type { Container, Driver, Group, Layout, Type1State } from "../type1/state.ts";

/** Who reserves what is outside a container's list of valid ranges. */
const OWNER = "container";

/** The driver before the event, and the space of each container that has one. */
export interface Type1Spaces {
  readonly type1: Type1State;
  readonly groups: ReadonlyMap<number, GroupTraits>;
  readonly spaces: ReadonlyMap<number, IoasHandle>;
}

type Mapped = Extract<Type1Event, { type: "DmaMapped" }>;

export function mappedEvent(ioas: IoasHandle, { range, flags, userVa }: Mapped): IoasEvent {
  const source = { kind: "va", va: userVa } as const;
  return { type: "IovaMapped", ioas, iova: range.first, last: range.last, prot: PROTS[flags & 3] as Prot, source };
}

/** Null: the container has no driver. */
export function driverIn({ type1 }: Type1Spaces, container: number): Driver | null {
  return type1.containers[container]?.driver ?? null;
}

export function type1Facts(event: Type1Event, on: Type1Spaces, state: ContextState): IoasEvent[] {
  switch (event.type) {
    case "DriverSet": {
      const ioas = state.spaces.length;
      const container = on.type1.containers[event.container];
      const attached = groupsOf(on, container).flatMap((group) => attachedEvents(on, group, ioas));
      return [{ type: "IoasAllocated", ioas, kernelId: null }, ...reservedEvents(ioas, event.layout), ...attached];
    }
    case "GroupJoined": {
      const group = on.type1.groups[event.group];
      const ioas = on.spaces.get(event.container);
      return group === undefined || ioas === undefined ? [] : attachedEvents(on, group, ioas);
    }
    case "GroupLeft": {
      const group = on.type1.groups[event.group];
      if (group === undefined || !on.spaces.has(group.container ?? -1)) return [];
      return devicesOf(on, group).map((device) => ({ type: "DeviceDetached", device, pasid: null }));
    }
    default:
      return "container" in event ? factsOfDriver(event, on, state) : [];
  }
}

function factsOfDriver(
  event: Extract<Type1Event, { container: number }>,
  on: Type1Spaces,
  state: ContextState,
): IoasEvent[] {
  const ioas = on.spaces.get(event.container);
  const driver = driverIn(on, event.container);
  if (ioas === undefined || driver === null) return [];
  switch (event.type) {
    case "DriverReleased":
      return [{ type: "IoasDestroyed", ioas }];
    case "LayoutChanged": {
      const had = state.space(ioas).reservations.length > 0;
      return [...(had ? [unreserved(ioas)] : []), ...reservedEvents(ioas, event.layout)];
    }
    case "DmaMapped":
      return [mappedEvent(ioas, event)];
    case "DmaUnmapped":
      return event.iovas.flatMap((iova) => unmappedEvents(ioas, driver.mappings.at(iova)));
    case "VaddrUpdated": {
      const area = driver.mappings.at(event.iova);
      if (area === null) return [];
      const { iova, last, prot } = area;
      return [{ type: "IovaMapped", ioas, iova, last, prot, source: { kind: "va", va: event.userVa } }];
    }
    default:
      return [];
  }
}

function unmappedEvents(ioas: IoasHandle, area: { readonly iova: Iova; readonly last: Iova } | null): IoasEvent[] {
  if (area === null) return [];
  const { iova, last } = area;
  return [{ type: "IovaUnmapped", ioas, iova, last, bytes: lengthOf(iova, last) }];
}

function reservedEvents(ioas: IoasHandle, { iovas }: Layout): IoasEvent[] {
  // An empty list stands for everything.
  if (iovas.length === 0) return [];
  return holes(iovas, WHOLE_SPACE).map(({ first, last }: Range) => ({
    type: "IovaReserved",
    ioas,
    owner: OWNER,
    iova: first,
    last,
  }));
}

function unreserved(ioas: IoasHandle): IoasEvent {
  return { type: "IovaUnreserved", ioas, owner: OWNER };
}

function attachedEvents(on: Type1Spaces, group: Group, ioas: IoasHandle): IoasEvent[] {
  return devicesOf(on, group).map((device) => ({ type: "DeviceAttached", device, pasid: null, ioas, hwpt: null }));
}

function devicesOf({ groups }: Type1Spaces, { number }: Group): readonly string[] {
  return groups.get(number)?.devices ?? [];
}

function groupsOf({ type1 }: Type1Spaces, container: Container | undefined): Group[] {
  return (container?.groups ?? []).flatMap((handle) => type1.groups[handle] ?? []);
}
