/**
 * VFIO with the sPAPR TCE driver once more, page by page and by brute force, from the rules that recordings
 * show. It shares no code with the deciders.
 */
import type { SpaprCommand, SpaprPeTraits } from "@ioasis/core";

export const HUGE_SHIFT = 21;
const DEFAULT_SHIFT = 12;
const TOP = 2n ** 64n;

export type Happening =
  | { readonly command: "Munmap"; readonly page: bigint }
  | { readonly command: "Mprotect"; readonly page: bigint; readonly isWritable: boolean }
  | { readonly command: "DropLock" }
  /** What the device reaches at a bus address. */
  | { readonly command: "Probe"; readonly device: number; readonly iova: bigint };
export type Step = SpaprCommand | Happening;

export interface NaiveHost {
  readonly machine: "pseries" | "powernv";
  readonly pageShift: number;
  readonly unmapChecksLastPage: boolean;
  readonly limitPages: bigint;
  readonly peOf: (pe: number) => SpaprPeTraits;
}

interface Tce {
  readonly va: bigint;
  readonly flags: number;
}

export interface Window {
  readonly start: bigint;
  readonly shift: number;
  readonly entries: bigint;
  /** Entries that the kernel keeps user addresses for. */
  readonly roomy: bigint;
  readonly charged: bigint;
  readonly isDynamic: boolean;
  readonly tces: Map<bigint, Tce>;
}

interface Region {
  readonly va: bigint;
  readonly size: bigint;
  readonly shift: number;
  used: number;
  mapped: number;
}

interface Driver {
  readonly isV2: boolean;
  /** The platform is asked for the first one's PE: later ones are put in front. */
  groups: Group[];
  isTied: boolean;
  isEnabled: boolean;
  enabledPages: bigint;
  isPending: boolean;
  readonly windows: (Window | null)[];
  registered: Region[];
}

interface Container {
  isOpen: boolean;
  groups: Group[];
  driver: Driver | null;
}

interface Group {
  readonly pe: number;
  container: Container | null;
  devices: number;
}

/** errno, what the ioctl returns otherwise, and what it writes. */
export type Answer = readonly [errno: string | null, returned: number, ...out: unknown[]];

class Stop {
  readonly errno: string | null;
  readonly returned: number;
  constructor(errno: string | null, returned = 0) {
    this.errno = errno;
    this.returned = returned;
  }
}

function check(isFine: boolean, errno: string): void {
  if (!isFine) throw new Stop(errno);
}

type Of<Name extends SpaprCommand["command"]> = Extract<SpaprCommand, { command: Name }>;
type Framed = { readonly argBytes?: number; readonly hasBadPointer?: boolean };

export class NaiveSpapr {
  readonly host: NaiveHost;
  readonly containers: Container[] = [];
  readonly groups: Group[] = [];
  readonly devices: { readonly group: Group; isOpen: boolean }[] = [];
  readonly regions: Region[] = [];
  /** Kernel pages of the process by number. */
  readonly memory = new Map<bigint, "read" | "write">();
  /** Numbers of the kernel pages that hugetlbfs backs: from, up to but without. */
  huge: readonly [bigint, bigint] = [0n, 0n];
  readonly poisoned = new Set<number>();
  locked = 0n;
  #canLock = true;

  constructor(host: NaiveHost) {
    this.host = host;
  }

  run(step: Step): Answer {
    try {
      return [null, 0, ...this.#call(step)];
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      return [stop.errno, stop.returned];
    }
  }

  #call(step: Step): unknown[] {
    switch (step.command) {
      case "Munmap":
        this.memory.delete(step.page);
        return [];
      case "Mprotect":
        if (this.memory.has(step.page)) this.memory.set(step.page, step.isWritable ? "write" : "read");
        return [];
      case "DropLock":
        this.#canLock = false;
        return [];
      case "Probe":
        return [this.#reached(step.device, step.iova)];
      case "OpenContainer":
        return [this.containers.push({ isOpen: true, groups: [], driver: null }) - 1];
      case "CloseContainer":
        this.#container(step.container).isOpen = false;
        return [];
      case "OpenGroup":
        check(!this.groups.some(({ pe }) => pe === step.pe), "EBUSY");
        return [this.groups.push({ pe: step.pe, container: null, devices: 0 }) - 1];
      case "QueryGroupStatus":
        return [this.#group(step.group).container === null ? 1 : 3];
      case "SetContainer":
        return this.#join(this.#group(step.group), step.container);
      case "UnsetContainer":
        return this.#leave(this.#group(step.group));
      case "OpenDevice": {
        const group = this.#group(step.group);
        check(group.container?.driver != null, "EINVAL");
        group.devices++;
        return [this.devices.push({ group, isOpen: true }) - 1];
      }
      case "CloseDevice": {
        const device = this.devices[step.device];
        check(device?.isOpen === true, "EBADF");
        if (device !== undefined) {
          device.isOpen = false;
          device.group.devices--;
        }
        return [];
      }
      case "QueryApiVersion":
        return [0];
      case "CheckExtension":
        this.#container(step.container);
        return [this.#isSupported(step.extension) ? 1 : 0];
      case "SetIommu":
        return this.#setIommu(this.#container(step.container), step.iommuType);
      default:
        return this.#driverCall(step);
    }
  }

  #container(handle: number): Container {
    const container = this.containers[handle];
    if (container === undefined || !container.isOpen) throw new Stop("EBADF");
    return container;
  }

  #group(handle: number): Group {
    const group = this.groups[handle];
    if (group === undefined) throw new Stop("EBADF");
    return group;
  }

  /** C1 and section 6: EEH only on bare metal. */
  #isSupported(extension: number): boolean {
    return extension === 2 || extension === 7 || (extension === 5 && this.host.machine === "powernv");
  }

  #setIommu(container: Container, type: number): unknown[] {
    check(container.groups.length > 0 && container.driver === null, "EINVAL");
    check(this.#isSupported(type), "ENODEV");
    check(type !== 5, "EINVAL");
    check(type === 7 || container.groups.length === 1, "EBUSY");
    container.driver = {
      isV2: type === 7,
      groups: [...container.groups],
      isTied: false,
      isEnabled: false,
      enabledPages: 0n,
      isPending: true,
      windows: [null, null],
      registered: [],
    };
    return [];
  }

  /** C2. */
  #join(group: Group, handle: number): unknown[] {
    const container = this.#container(handle);
    check(group.container === null, "EINVAL");
    const { driver } = container;
    if (driver !== null) {
      check(driver.isV2, "EBUSY");
      check(this.host.machine === "powernv" || driver.windows.every((window) => window === null), "EPERM");
      driver.groups.unshift(group);
    }
    group.container = container;
    container.groups.push(group);
    return [];
  }

  /** C3, and of several groups: all TCEs go, tables stay. */
  #leave(group: Group): unknown[] {
    const { container } = group;
    if (container === null) throw new Stop("EINVAL");
    check(group.devices === 0, "EBUSY");
    container.groups = container.groups.filter((one) => one !== group);
    group.container = null;
    const { driver } = container;
    if (driver === null) return [];
    for (const window of driver.windows) if (window !== null) this.#clear(driver, window, 0n, window.entries);
    driver.groups = driver.groups.filter((one) => one !== group);
    if (driver.groups.length > 0) return [];
    for (const window of driver.windows) if (window !== null) this.locked -= window.charged;
    for (const region of driver.registered) this.#put(region);
    this.locked -= driver.enabledPages;
    container.driver = null;
    return [];
  }

  #driverCall(step: Exclude<Step, Happening>): unknown[] {
    const container = this.#container("container" in step ? step.container : -1);
    const { driver } = container;
    if (driver === null) throw new Stop("EINVAL");
    const isOther = "isOtherProcess" in step && step.isOtherProcess === true;
    check(!(driver.isTied && isOther), "EPERM");
    const pe = driver.groups[0]?.pe ?? -1;
    switch (step.command) {
      case "QueryTceInfo":
        return this.#info(driver, pe, step);
      case "Enable":
        check(!driver.isV2, "ENOTTY");
        check(!driver.isEnabled, "EBUSY");
        driver.isTied = true;
        driver.enabledPages = this.#charge(this.host.peOf(pe).dma32Size >> BigInt(this.host.pageShift));
        driver.isEnabled = true;
        return [];
      case "Disable":
        check(!driver.isV2, "ENOTTY");
        this.locked -= driver.enabledPages;
        driver.enabledPages = 0n;
        driver.isEnabled = false;
        return [];
      case "RegisterMemory":
        check(driver.isV2, "ENOTTY");
        driver.isTied = true;
        return this.#register(driver, step);
      case "UnregisterMemory":
        check(driver.isV2, "ENOTTY");
        check(driver.isTied, "EPERM");
        return this.#unregister(driver, step);
      case "CreateWindow":
        check(driver.isV2, "ENOTTY");
        driver.isTied = true;
        this.#frame(step, 40);
        check(step.flags === 0, "EINVAL");
        this.#makeDefault(container, driver, pe);
        return [this.#create(container, driver, pe, step.pageShift, step.size, step.levels).start];
      case "RemoveWindow":
        check(driver.isV2, "ENOTTY");
        driver.isTied = true;
        return this.#remove(driver, step);
      case "MapDma":
        check(driver.isEnabled, "EPERM");
        this.#frame(step, 32);
        check(step.flags >= 0 && step.flags < 4, "EINVAL");
        this.#makeDefault(container, driver, pe);
        return this.#map(driver, step);
      case "UnmapDma":
        check(driver.isEnabled, "EPERM");
        this.#frame(step, 24);
        check(step.flags === 0, "EINVAL");
        this.#makeDefault(container, driver, pe);
        return this.#unmap(driver, step);
      case "UseEeh":
        check(this.host.machine === "powernv", "ENODEV");
        return [];
      default:
        throw new Stop("ENOTTY");
    }
  }

  #frame({ argBytes, hasBadPointer }: Framed, bytes: number): void {
    check(hasBadPointer !== true, "EFAULT");
    check(argBytes === undefined || argBytes >= bytes, "EINVAL");
  }

  /** W2. */
  #info(driver: Driver, pe: number, step: Of<"QueryTceInfo">): unknown[] {
    this.#frame(step, 16);
    const traits = this.host.peOf(pe);
    const old = [driver.isV2 ? 1 : 0, traits.dma32Start, traits.dma32Size];
    if (step.argBytes !== undefined && step.argBytes < 32) return [...old, "untouched"];
    if (!driver.isV2) return [...old, "0 0 0"];
    return [...old, `${traits.pageSizes} ${traits.windowsMax} ${traits.levelsMax}`];
  }

  /** W8: @returns what was charged */
  #charge(pages: bigint): bigint {
    check(this.#canLock || pages === 0n || this.locked + pages <= this.host.limitPages, "ENOMEM");
    this.locked += pages;
    return pages;
  }

  /** W1. */
  #makeDefault(container: Container, driver: Driver, pe: number): void {
    if (!driver.isPending) return;
    this.#create(container, driver, pe, DEFAULT_SHIFT, this.host.peOf(pe).dma32Size, 1);
    driver.isPending = false;
  }

  /** W3, W4, W7; section 6. */
  #create(container: Container, driver: Driver, pe: number, shift: number, size: bigint, levels: number): Window {
    const slot = driver.windows.indexOf(null);
    check(slot >= 0, "ENOSPC");
    const traits = this.host.peOf(pe);
    check(shift < 64 && (traits.pageSizes & (1n << BigInt(shift))) !== 0n, "EINVAL");
    const bytes =
      this.host.machine === "pseries" ? lparTableBytes(shift, size, levels) : this.#tableBytes(shift, size, levels);
    check(bytes > 0n, "EINVAL");
    const charged = this.#charge(bytes >> BigInt(this.host.pageShift));
    const window =
      this.host.machine === "pseries"
        ? this.#lparWindow(driver, pe, slot, shift, size, levels, charged)
        : this.#metalWindow(traits, slot, shift, size, levels, charged);
    if (this.host.machine === "pseries" && container.groups.length > 1) {
      this.locked -= charged;
      throw new Stop("EPERM");
    }
    driver.windows[slot] = window;
    return window;
  }

  #lparWindow(
    driver: Driver,
    pe: number,
    slot: number,
    shift: number,
    size: bigint,
    levels: number,
    charged: bigint,
  ): Window {
    const traits = this.host.peOf(pe);
    const hasDynamic = driver.windows.some((window) => window?.isDynamic === true);
    const isDefault = slot === 0 && shift === DEFAULT_SHIFT && size <= traits.dma32Size;
    check(isPowerOfTwo(size) && levels <= 1, "EINVAL");
    check(!this.poisoned.has(pe), "ENODEV");
    check(slot === 1 || !hasDynamic, "EPERM");
    if (!traits.hasDynamicWindows) {
      this.poisoned.add(pe);
      throw new Stop("EINVAL");
    }
    const entries = size >> BigInt(shift);
    const perPage = 1n << BigInt(this.host.pageShift - 3);
    const roomy = ((entries + perPage - 1n) / perPage) * perPage;
    const common = { shift, entries, roomy, charged, tces: new Map() };
    if (isDefault) return { ...common, start: traits.dma32Start, isDynamic: false };
    check(entries > 0n && entries <= 2n ** 37n, "EINVAL");
    if (hasDynamic || entries >= 2n ** 32n || (traits.firmwarePageSizes & (1n << BigInt(shift))) === 0n) {
      this.poisoned.add(pe);
      throw new Stop("ENODEV");
    }
    return { ...common, start: traits.dma64Start, isDynamic: true };
  }

  #metalWindow(
    traits: SpaprPeTraits,
    slot: number,
    shift: number,
    size: bigint,
    levels: number,
    charged: bigint,
  ): Window {
    const { pageShift } = this.host;
    const level = this.#levelShift(shift, size, levels);
    check((level - 3) * levels + shift < 55, "EINVAL");
    // No single allocation is larger than 16 MiB.
    check(level <= 24, "ENOMEM");
    const entries = 1n << BigInt(Math.max(log2(size) - shift, pageShift - 3));
    const start = slot === 0 ? traits.dma32Start : traits.dma64Start;
    return { start, shift, entries, roomy: entries, charged, isDynamic: true, tces: new Map() };
  }

  #levelShift(shift: number, size: bigint, levels: number): number {
    return Math.max(Math.ceil((log2(size) - shift) / levels) + 3, this.host.pageShift);
  }

  /** pnv_pci_ioda2_get_table_size, for the hardware and once more for user addresses. */
  #tableBytes(shift: number, size: bigint, levels: number): bigint {
    if (levels < 1 || levels > 5 || !isPowerOfTwo(size)) return 0n;
    const direct = 1n << BigInt(this.#levelShift(shift, size, levels));
    let table = 1n << BigInt(Math.max(12, log2(size) - shift + 3));
    let sum = 0n;
    for (let i = 0; i < levels; i++) {
      while (table % direct !== 0n) table++;
      sum += table;
      table = (table / direct) * 8n;
      if (table < direct) table = direct;
    }
    return 2n * sum;
  }

  /** W6. */
  #remove(driver: Driver, step: Of<"RemoveWindow">): unknown[] {
    this.#frame(step, 16);
    check(step.flags === 0, "EINVAL");
    if (driver.isPending) {
      check(step.start === 0n, "EINVAL");
      driver.isPending = false;
      return [];
    }
    const window = this.#windowAt(driver, step.start, "EINVAL");
    this.#clear(driver, window, 0n, window.entries);
    this.locked -= window.charged;
    driver.windows[driver.windows.indexOf(window)] = null;
    return [];
  }

  #windowAt(driver: Driver, iova: bigint, errno: string): Window {
    for (const window of driver.windows) {
      if (window === null) continue;
      const end = window.start + (window.entries << BigInt(window.shift));
      if (iova >= window.start && iova < end) return window;
    }
    throw new Stop(errno);
  }

  /** M1 - M5, M7. */
  #map(driver: Driver, { iova, userVa, size, flags }: Of<"MapDma">): unknown[] {
    const window = this.#windowAt(driver, iova, "ENXIO");
    const bytes = 1n << BigInt(window.shift);
    check(size % bytes === 0n && userVa % bytes === 0n, "EINVAL");
    check(flags !== 0, "EINVAL");
    if (iova % bytes !== 0n) throw new Stop(null, 1);
    const first = (iova - window.start) / bytes;
    for (let done = 0n; done < size / bytes; done++) {
      const va = userVa + done * bytes;
      const errno = this.#mapPage(driver, window, first + done, { va, flags });
      if (errno === null) continue;
      this.#clear(driver, window, first, first + done);
      throw new Stop(errno);
    }
    return [];
  }

  /** @returns why not */
  #mapPage(driver: Driver, window: Window, entry: bigint, tce: Tce): string | null {
    const bytes = 1n << BigInt(window.shift);
    const region = this.#regionOf(tce.va, bytes);
    if (driver.isV2 && (region === null || region.shift < window.shift)) return "EINVAL";
    if (!driver.isV2 && this.memory.get(tce.va >> BigInt(this.host.pageShift)) !== "write") return "EFAULT";
    if (entry >= window.entries) {
      if (driver.isV2 && region !== null) region.mapped++;
      return "EINTR";
    }
    this.#clear(driver, window, entry, entry + 1n);
    window.tces.set(entry, tce);
    if (driver.isV2 && region !== null) region.mapped++;
    return null;
  }

  /** M6: entries [from, to). */
  #clear(driver: Driver, window: Window, from: bigint, to: bigint): void {
    for (const [entry, { va }] of [...window.tces]) {
      if (entry < from || entry >= to) continue;
      window.tces.delete(entry);
      const region = this.#regionOf(va, 1n << BigInt(window.shift));
      if (driver.isV2 && region !== null && region.mapped > 1) region.mapped--;
    }
  }

  #unmap(driver: Driver, { iova, size }: Of<"UnmapDma">): unknown[] {
    const window = this.#windowAt(driver, iova, "ENXIO");
    const bytes = 1n << BigInt(window.shift);
    check(size % bytes === 0n, "EINVAL");
    const first = (iova - window.start) / bytes;
    const end = first + size / bytes;
    if (iova % bytes !== 0n || (this.host.unmapChecksLastPage && end > window.entries)) throw new Stop(null, 1);
    this.#clear(driver, window, first, end);
    return [];
  }

  /** A region that holds a whole page. */
  #regionOf(va: bigint, bytes: bigint): Region | null {
    return this.regions.find((one) => va >= one.va && va + bytes <= one.va + one.size) ?? null;
  }

  /** R1 - R5. */
  #register(driver: Driver, step: Of<"RegisterMemory">): unknown[] {
    const { userVa: va, size } = step;
    this.#frame(step, 24);
    check(step.flags === 0, "EINVAL");
    const page = 1n << BigInt(this.host.pageShift);
    check(va % page === 0n && size % page === 0n && va + size < TOP, "EINVAL");
    let region = this.regions.find((one) => one.va === va && one.size === size) ?? null;
    check(region === null || !driver.registered.includes(region), "EBUSY");
    if (region === null) {
      const pages = size / page;
      const fits = this.#canLock || this.locked + pages <= this.host.limitPages;
      check(fits && size > 0n, "ENOMEM");
      for (let i = 0n; i < pages; i++) {
        if (this.memory.get(va / page + i) === "write") continue;
        throw i === 0n ? new Stop("EFAULT") : new Stop(null, Number(i));
      }
      check(!this.regions.some((one) => va < one.va + one.size && one.va < va + size), "EINVAL");
      this.locked += pages;
      region = { va, size, shift: this.#regionShift(va, size), used: 0, mapped: 1 };
      this.regions.push(region);
    }
    region.used++;
    driver.registered.push(region);
    driver.isEnabled = true;
    return [];
  }

  #regionShift(va: bigint, size: bigint): number {
    const [from, to] = this.huge;
    const isHuge = va >> BigInt(this.host.pageShift) >= from && (va + size - 1n) >> BigInt(this.host.pageShift) < to;
    let shift = isHuge ? HUGE_SHIFT : this.host.pageShift;
    while (va % (1n << BigInt(shift)) !== 0n || size % (1n << BigInt(shift)) !== 0n) shift--;
    return shift;
  }

  /** R6. */
  #unregister(driver: Driver, step: Of<"UnregisterMemory">): unknown[] {
    this.#frame(step, 24);
    check(step.flags === 0, "EINVAL");
    const page = 1n << BigInt(this.host.pageShift);
    check(step.userVa % page === 0n && step.size % page === 0n, "EINVAL");
    const region = driver.registered.find((one) => one.va === step.userVa && one.size === step.size);
    if (region === undefined) throw new Stop("ENOENT");
    driver.registered = driver.registered.filter((one) => one !== region);
    this.#put(region);
    return [];
  }

  /** R7. */
  #put(region: Region): void {
    region.used--;
    if (region.used > 0) return;
    if (region.mapped > 1) {
      region.used = 1;
      return;
    }
    this.regions.splice(this.regions.indexOf(region), 1);
    this.locked -= region.size >> BigInt(this.host.pageShift);
  }

  #reached(handle: number, iova: bigint): string {
    for (const window of this.devices[handle]?.group.container?.driver?.windows ?? []) {
      if (window === null || iova < window.start) continue;
      const offset = iova - window.start;
      const tce = window.tces.get(offset >> BigInt(window.shift));
      if (tce !== undefined) return `${tce.va + (offset & ((1n << BigInt(window.shift)) - 1n))} ${tce.flags}`;
    }
    return "nothing";
  }
}

function lparTableBytes(shift: number, size: bigint, levels: number): bigint {
  return levels > 1 ? 2n ** 32n - 1n : size >> BigInt(shift - 3);
}

function isPowerOfTwo(size: bigint): boolean {
  return size > 0n && (size & (size - 1n)) === 0n;
}

function log2(size: bigint): number {
  let log = -1;
  for (let left = size; left > 0n; left >>= 1n) log++;
  return log;
}
