/** What the sPAPR TCE driver's events say of address spaces: one ioas for the life of a container's driver. */
import { type ByteLength, type Iova, iova, lengthOf } from "../address.ts";
import type { IoasEvent, IoasHandle } from "../events.ts";
import { PROTS, type Prot } from "../source.ts";
import type { SpaprEvent } from "../spapr/events.ts";
import { type Driver, lastOf, type SpaprState, type TceWindow } from "../spapr/state.ts";
import type { ContextState } from "../state.ts";

/** The driver before the event, the devices of each PE, the space of each container that has one. */
export interface SpaprSpaces {
  readonly spapr: SpaprState;
  readonly devices: ReadonlyMap<number, readonly string[]>;
  readonly spaces: ReadonlyMap<number, IoasHandle>;
}

export type TcesSet = Extract<SpaprEvent, { type: "TcesSet" }>;
type DriverEvent = Exclude<Extract<SpaprEvent, { container: number }>, { type: "GroupJoined" }>;

export function setEvent(ioas: IoasHandle, { first, last, va, flags }: TcesSet): IoasEvent {
  const source = { kind: "va", va } as const;
  return { type: "IovaMapped", ioas, iova: iova(first), last: iova(last), prot: PROTS[flags & 3] as Prot, source };
}

/** `bytes`: of what is mapped there. */
export function clearedEvent(ioas: IoasHandle, window: TceWindow, first: bigint, last: bigint): IoasEvent {
  let bytes = 0n;
  for (const area of window.table.spans(first, last)) bytes += min(area.last, last) - max(area.iova, first) + 1n;
  return { type: "IovaUnmapped", ioas, iova: first as Iova, last: last as Iova, bytes: bytes as ByteLength };
}

export function spaprFacts(event: SpaprEvent, on: SpaprSpaces, state: ContextState): IoasEvent[] {
  switch (event.type) {
    case "GroupJoined": {
      const ioas = on.spaces.get(event.container);
      return ioas === undefined ? [] : attachedEvents(on, event.group, ioas);
    }
    case "GroupLeft": {
      const container = on.spapr.groups[event.group]?.container ?? -1;
      if (!on.spaces.has(container)) return [];
      return devicesOf(on, event.group).map((device) => ({ type: "DeviceDetached", device, pasid: null }));
    }
    case "DriverSet": {
      const ioas = state.spaces.length;
      const groups = on.spapr.containers[event.container]?.groups ?? [];
      const attached = groups.flatMap((group) => attachedEvents(on, group, ioas));
      return [{ type: "IoasAllocated", ioas, kernelId: null }, ...attached];
    }
    default:
      return "container" in event ? factsOfDriver(event, on) : [];
  }
}

function factsOfDriver(event: DriverEvent, on: SpaprSpaces): IoasEvent[] {
  const ioas = on.spaces.get(event.container);
  const driver = on.spapr.containers[event.container]?.driver ?? null;
  if (ioas === undefined || driver === null) return [];
  switch (event.type) {
    case "DriverReleased":
      return releasedEvents(on, event.container, driver, ioas);
    case "WindowCreated": {
      const { start, entries, pageShift } = event.shape;
      const last = iova(start + (BigInt(entries) << BigInt(pageShift)) - 1n);
      return [{ type: "WindowCreated", ioas, iova: iova(start), last, pageSize: 1n << BigInt(pageShift) }];
    }
    case "WindowRemoved":
      return windowGone(ioas, driver.windows[event.slot] ?? null);
    case "TcesSet":
      return [setEvent(ioas, event)];
    case "TcesCleared": {
      const window = driver.windows[event.slot] ?? null;
      return window === null ? [] : [clearedEvent(ioas, window, event.first, event.last)];
    }
    case "RegionRegistered":
      return on.spapr.regions.exact(event.va, event.length) === null
        ? [{ type: "MemoryRegistered", va: event.va, length: event.length as ByteLength }]
        : [];
    case "RegionUnregistered":
      return regionGone(on, event.va, 0);
    default:
      return [];
  }
}

/** As `releaseDriver` ends it: the windows, then the regions, which no TCE of theirs counts any more. */
function releasedEvents(on: SpaprSpaces, container: number, driver: Driver, ioas: IoasHandle): IoasEvent[] {
  const windows = driver.windows.flatMap((window) => windowGone(ioas, window));
  const regions = [...driver.registered].flatMap((va) => regionGone(on, va, tcesInto(on, driver, va)));
  const groups = on.spapr.containers[container]?.groups ?? [];
  const detached = groups.flatMap((group) =>
    devicesOf(on, group).map((device): IoasEvent => ({ type: "DeviceDetached", device, pasid: null })),
  );
  return [...windows, ...regions, ...detached, { type: "IoasDestroyed", ioas }];
}

/** What lies past its end in the firmware's table translates no more for this container either. */
function windowGone(ioas: IoasHandle, window: TceWindow | null): IoasEvent[] {
  if (window === null) return [];
  const end = lastOf(window);
  const past = [...window.table.all()].filter(({ last }) => last > end);
  const cleared = past.map(({ iova: from, last }): IoasEvent => {
    const first = max(from, end + 1n) as Iova;
    return { type: "IovaUnmapped", ioas, iova: first, last, bytes: lengthOf(first, last) };
  });
  return [...cleared, { type: "WindowRemoved", ioas, iova: iova(window.start), last: iova(end) }];
}

/** `tces`: of those that count it as mapped, how many go before. See `RegionList.put`. */
function regionGone({ spapr }: SpaprSpaces, va: bigint, tces: number): IoasEvent[] {
  const region = spapr.regions.at(va);
  if (region === null || region.used > 1 || region.mapped - tces > 1) return [];
  return [{ type: "MemoryUnregistered", va: region.va, length: region.length as ByteLength }];
}

/** Pages of a driver's windows that map bytes of the region that holds `va`; those past a window's end stay counted. */
function tcesInto({ spapr }: SpaprSpaces, { version, windows }: Driver, va: bigint): number {
  const region = spapr.regions.at(va);
  if (region === null || version !== 2) return 0;
  let pages = 0;
  for (const window of windows) {
    if (window === null) continue;
    for (const area of window.table.in(window.start, lastOf(window))) {
      if (area.source.kind !== "va") continue;
      const from = max(area.source.va, region.va);
      const bytes = min(area.last, lastOf(window)) - area.iova + 1n;
      const to = min(area.source.va + bytes, region.va + region.length);
      if (to > from) pages += Number((to - from) >> BigInt(window.pageShift));
    }
  }
  return pages;
}

function attachedEvents(on: SpaprSpaces, group: number, ioas: IoasHandle): IoasEvent[] {
  return devicesOf(on, group).map((device) => ({ type: "DeviceAttached", device, pasid: null, ioas, hwpt: null }));
}

function devicesOf({ spapr, devices }: SpaprSpaces, group: number): readonly string[] {
  return devices.get(spapr.groups[group]?.pe ?? -1) ?? [];
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
