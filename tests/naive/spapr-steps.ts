/** Random calls on sPAPR TCE containers, near what there is; past the end of a window only where the kernel survives. */
import type { Random } from "./random.ts";
import type { NaiveSpapr, Step, Window } from "./spapr-model.ts";

/** Where the process's memory begins: so many bytes of ordinary memory, then of huge pages. */
export const VA = 2n ** 44n;
export const ORDINARY_BYTES = 2n ** 21n;
export const HUGE_BYTES = 2n ** 23n;

const PES = [2, 2, 2, 1, 3, 4, 9, 10, 11, 5, 6, 7, 8, 12];
const SHIFTS = [12, 12, 16, 16, 21, 24, 30, 13, 63, 64];
const PAGES_MAX = 12;

export function proposeSpapr(random: Random, naive: NaiveSpapr): Step {
  const { containers, groups, devices, host } = naive;
  const living = containers.flatMap(({ isOpen }, handle) => (isOpen ? [handle] : []));
  const working = living.filter((handle) => containers[handle]?.driver != null);
  const kernelPage = 1n << BigInt(host.pageShift);
  if (random.oneIn(150)) return { command: "Munmap", page: ordinary(random, kernelPage) / kernelPage };
  if (random.oneIn(80))
    return { command: "Mprotect", page: ordinary(random, kernelPage) / kernelPage, isWritable: !random.oneIn(3) };
  if (random.oneIn(120)) return { command: "DropLock" };
  if (living.length === 0) return { command: "OpenContainer" };
  if (groups.length === 0) return { command: "OpenGroup", pe: random.pick(PES) };
  const any = random.oneIn(60) ? random.below(4) : random.pick(living);
  const group = random.oneIn(40) ? random.below(5) : random.below(groups.length);
  if (working.length === 0 && random.oneIn(2))
    return random.oneIn(2)
      ? { command: "SetIommu", container: any, iommuType: random.pick([7, 7, 7, 2, 1]) }
      : { command: "SetContainer", group, container: any };
  const container = working.length > 0 && !random.oneIn(15) ? random.pick(working) : any;
  const frame = {
    container,
    ...(random.oneIn(90) ? { hasBadPointer: true } : {}),
    ...(random.oneIn(90) ? { argBytes: random.pick([8, 16, 24, 31, 32, 39, 40, 64]) } : {}),
    ...(random.oneIn(90) ? { isOtherProcess: true } : {}),
  };
  const flags = random.oneIn(30) ? 1 : 0;
  const driver = containers[container]?.driver ?? null;
  if (driver !== null && !random.oneIn(3)) {
    if (driver.isV2 && driver.registered.length === 0)
      return { command: "RegisterMemory", ...frame, ...memory(random, naive), flags };
    if (!driver.isV2 && !driver.isEnabled) return { command: "Enable", container };
    if (driver.isV2 && !driver.isPending && driver.windows.every((window) => window === null))
      return { command: "CreateWindow", ...frame, ...windowAsked(random, naive), flags };
  }
  switch (random.below(30)) {
    case 0:
      return random.pick<Step>([
        living.length > 2 ? { command: "CloseContainer", container: any } : { command: "OpenContainer" },
        { command: "OpenGroup", pe: random.pick(PES) },
        { command: "QueryGroupStatus", group },
        { command: "CheckExtension", container: any, extension: random.below(11) },
        { command: "SetIommu", container: any, iommuType: random.pick([7, 7, 2, 1, 3, 5, 9]) },
        { command: "SetContainer", group, container: any },
        { command: "SetContainer", group, container: any },
        { command: "UnsetContainer", group },
      ]);
    case 1:
      return random.pick<Step>([
        { command: "OpenDevice", group },
        { command: "CloseDevice", device: random.below(devices.length + 1) },
        { command: "CloseDevice", device: random.below(devices.length + 1) },
        { command: "UseEeh", container },
        { command: "UnknownCall", container },
        { command: "QueryTceInfo", ...frame },
      ]);
    case 2:
      return { command: random.oneIn(3) ? "Disable" : "Enable", container };
    case 3:
      return { command: "OpenDevice", group };
    case 4:
    case 5:
    case 6:
    case 7:
      return { command: "RegisterMemory", ...frame, ...memory(random, naive), flags };
    case 8:
    case 9: {
      const known = random.oneIn(5) ? undefined : naive.regions[random.below(naive.regions.length)];
      const range = known === undefined ? memory(random, naive) : { userVa: known.va, size: known.size };
      return { command: "UnregisterMemory", ...frame, ...range, flags };
    }
    case 10:
    case 11:
      return { command: "CreateWindow", ...frame, ...windowAsked(random, naive), flags };
    case 12: {
      const window = random.oneIn(4) ? null : windowOf(random, naive, container);
      const start = window === null ? random.pick([0n, 1n << 59n, 0x2000_0000n, 1n << 30n]) : inside(random, window);
      return { command: "RemoveWindow", ...frame, start, flags };
    }
    case 13:
    case 14:
    case 15: {
      const window = windowOf(random, naive, container);
      return { command: "Probe", device: deviceOf(random, naive, container), iova: mappedIn(random, window) };
    }
    case 16:
    case 17:
    case 18:
    case 19:
    case 20:
      return { command: "UnmapDma", ...frame, ...place(random, naive, container, false), flags };
    default: {
      const place_ = place(random, naive, container, true);
      const userVa = source(random, naive, place_.pageBytes);
      const asked = random.oneIn(25) ? random.below(6) : random.pick([1, 2, 3, 3]);
      return { command: "MapDma", ...frame, iova: place_.iova, size: place_.size, userVa, flags: asked };
    }
  }
}

/** An address of a page in ordinary memory. */
function ordinary(random: Random, pageBytes: bigint): bigint {
  return VA + BigInt(random.below(Number(ORDINARY_BYTES / pageBytes))) * pageBytes;
}

/** What to register: ordinary pages, huge ones, both, neither. */
function memory(random: Random, { host, regions }: NaiveSpapr): { userVa: bigint; size: bigint } {
  const page = 1n << BigInt(host.pageShift);
  if (random.oneIn(25))
    return { userVa: random.pick([0n, VA + 0x800n, 2n ** 64n - page]), size: random.pick([0n, page]) };
  const known = random.oneIn(6) ? regions[random.below(regions.length)] : undefined;
  if (known !== undefined) return { userVa: known.va + random.pick([0n, 0n, page]), size: known.size };
  if (random.oneIn(3)) {
    const userVa = VA + ORDINARY_BYTES + BigInt(random.below(4)) * 2n ** 21n + (random.oneIn(4) ? page : 0n);
    return { userVa, size: random.pick([2n ** 21n, 2n ** 21n, 2n ** 22n, page, 2n ** 16n]) };
  }
  const length = random.pick([page, page, 2n * page, 8n * page, 16n * 2n ** 16n]);
  return { userVa: ordinary(random, page), size: length };
}

/** Where a mapping's memory begins: in a region most of the time. */
function source(random: Random, { regions }: NaiveSpapr, pageBytes: bigint): bigint {
  const region = random.oneIn(8) ? undefined : regions[random.below(regions.length)];
  if (region === undefined) return ordinary(random, pageBytes < 2n ** 20n ? pageBytes : 2n ** 20n);
  const pages = Number(region.size / pageBytes);
  const va = region.va + BigInt(random.below(Math.max(1, pages))) * pageBytes;
  return random.oneIn(40) ? va + 0x800n : va;
}

/** Sizes that the source computes without a shift that C leaves undefined. */
function windowAsked(random: Random, { host }: NaiveSpapr): { pageShift: number; size: bigint; levels: number } {
  const pageShift = random.oneIn(3) ? random.pick(SHIFTS) : random.pick([12, 16, 16]);
  const levels = random.oneIn(4) ? random.below(7) : 1;
  if (random.oneIn(15)) return { pageShift, size: random.pick([0n, 3n << 20n, (1n << 26n) + 1n]), levels };
  const bits = random.pick([16, 20, 22, 24, 26, 26, 28, 30, 31, 32, 36, 40, 45, 52, 60]);
  const least = pageShift - (levels === 1 && host.machine === "powernv" ? 3 : 0);
  return {
    pageShift,
    size: 1n << BigInt(host.machine === "powernv" ? Math.max(bits, Math.min(63, least)) : bits),
    levels,
  };
}

function windowOf(random: Random, { containers }: NaiveSpapr, container: number): Window | null {
  const windows = containers[container]?.driver?.windows.filter((window) => window !== null) ?? [];
  return windows.length === 0 ? null : random.pick(windows);
}

/** A device of a group in the container, most of the time. */
function deviceOf(random: Random, { containers, devices }: NaiveSpapr, container: number): number {
  const fit = devices.flatMap(({ group }, handle) => (group.container === containers[container] ? [handle] : []));
  return fit.length === 0 || random.oneIn(10) ? random.below(devices.length + 1) : random.pick(fit);
}

function inside(random: Random, { start, entries, shift }: Window): bigint {
  const bytes = entries << BigInt(shift);
  return random.pick([start, start, start + 0x1234n, start + bytes - 1n, start + bytes]);
}

function mappedIn(random: Random, window: Window | null): bigint {
  if (window === null) return random.pick([0n, 1n << 59n, 0x1000n]);
  const entries = [...window.tces.keys()];
  const entry = entries.length === 0 || random.oneIn(5) ? BigInt(random.below(20)) : random.pick(entries);
  return window.start + (entry << BigInt(window.shift)) + BigInt(random.below(1 << Math.min(window.shift, 20)));
}

/** A range of bus addresses in or near a window. */
function place(random: Random, naive: NaiveSpapr, container: number, isMap: boolean) {
  const window = random.oneIn(12) ? null : windowOf(random, naive, container);
  const pageBytes = 1n << BigInt(window?.shift ?? 12);
  const pages = BigInt(random.oneIn(15) ? 0 : 1 + random.below(random.oneIn(3) ? PAGES_MAX : 3));
  const odd = random.oneIn(40) ? random.pick([1n, 0x800n, pageBytes / 2n]) : 0n;
  if (window === null) {
    const iova = random.pick([0n, 0n, 0x1000n, 0x2000_0000n, 1n << 59n, 1n << 30n, 1n << 50n]);
    return { iova: iova + odd, size: pages * pageBytes, pageBytes };
  }
  const nearEnd = random.oneIn(6) && window.entries > 4n;
  const entry = nearEnd ? window.entries - BigInt(1 + random.below(4)) : BigInt(random.below(PAGES_MAX * 2));
  const last = survivable(random, naive, container, window, isMap);
  const room = last > entry ? last - entry : 0n;
  const size = (pages < room ? pages : room) * pageBytes + (random.oneIn(60) ? 0x400n : 0n);
  return { iova: window.start + entry * pageBytes + odd, size, pageBytes };
}

/** Up to which entry a call may reach: past the end memory is corrupted on bare metal, or the kernel oopses. */
function survivable(
  random: Random,
  { host, containers }: NaiveSpapr,
  container: number,
  window: Window,
  isMap: boolean,
): bigint {
  if (host.machine === "powernv")
    return isMap || !host.unmapChecksLastPage || !random.oneIn(2) ? window.entries : window.entries + 4n;
  if (!isMap) return window.entries + 4n;
  if (containers[container]?.driver?.isV2 === false) return window.entries + 4n;
  return window.isDynamic ? window.roomy : window.entries;
}
