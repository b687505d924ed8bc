/**
 * VFIO's type1 container of 6.12 once more, page by page and by brute force, from the rules that recordings
 * show. It shares no code with the deciders.
 */
import type { Type1Command, Type1GroupTraits, UserBitmap } from "@ioasis/core";

export const PAGE = 0x1000n;
const TOP = 2n ** 64n - 1n;
const USER_END = 0x7fff_ffff_f000n;

export type Happening =
  | { readonly command: "Munmap"; readonly page: bigint }
  | { readonly command: "Mprotect"; readonly page: bigint; readonly isWritable: boolean }
  | { readonly command: "DropLock" };
export type Step = Type1Command | Happening;

interface Mapping {
  readonly first: bigint;
  readonly pages: bigint;
  readonly flags: number;
  va: bigint;
  readonly charged: number;
  isInvalid: boolean;
  /** Bits of its dirty bitmap above its last page that an earlier call left there. */
  spare: Set<number>;
}

interface Domain {
  readonly first: bigint;
  readonly last: bigint;
  groups: number[];
}

interface Driver {
  readonly isV2: boolean;
  readonly entriesMax: number;
  /** Number of each mapped page. */
  readonly pages: Map<bigint, Mapping>;
  iovas: [bigint, bigint][];
  domains: Domain[];
  isTracking: boolean;
}

interface Container {
  isOpen: boolean;
  groups: Group[];
  driver: Driver | null;
}

interface Group {
  readonly traits: Type1GroupTraits;
  isOpen: boolean;
  container: Container | null;
  devices: number;
}

export type Answer = readonly [errno: string | null, ...out: unknown[]];

class Stop {
  readonly errno: string;
  constructor(errno: string) {
    this.errno = errno;
  }
}

function check(isFine: boolean, errno: string): void {
  if (!isFine) throw new Stop(errno);
}

export class NaiveType1 {
  readonly containers: Container[] = [];
  readonly groups: Group[] = [];
  readonly devices: { readonly group: Group; isOpen: boolean }[] = [];
  readonly #traits: ReadonlyMap<number, Type1GroupTraits>;
  /** Pages of the process: "device" cannot be charged. */
  readonly memory = new Map<bigint, "read" | "write" | "device">();
  readonly #limitPages: number;
  readonly #entriesMax: number;
  #canLock = true;
  lockedPages = 0;

  constructor(traits: ReadonlyMap<number, Type1GroupTraits>, limitPages: number, entriesMax: number) {
    this.#traits = traits;
    this.#limitPages = limitPages;
    this.#entriesMax = entriesMax;
  }

  run(step: Step): Answer {
    try {
      return [null, ...this.#call(step)];
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      return [stop.errno];
    }
  }

  mappingsOf(driver: Driver): Mapping[] {
    return [...new Set(driver.pages.values())].sort((a, b) => (a.first < b.first ? -1 : 1));
  }

  #call(step: Step): unknown[] {
    switch (step.command) {
      case "Munmap":
        this.memory.delete(step.page);
        return [];
      case "Mprotect":
        if (this.memory.has(step.page) && this.memory.get(step.page) !== "device")
          this.memory.set(step.page, step.isWritable ? "write" : "read");
        return [];
      case "DropLock":
        this.#canLock = false;
        return [];
      case "OpenContainer":
        return [this.containers.push({ isOpen: true, groups: [], driver: null }) - 1];
      case "OpenGroup": {
        const traits = this.#traits.get(step.group) as Type1GroupTraits;
        const isBusy = this.groups.some((one) => one.traits === traits && (one.isOpen || one.devices > 0));
        check(!isBusy, "EBUSY");
        return [this.groups.push({ traits, isOpen: true, container: null, devices: 0 }) - 1];
      }
      case "CloseFile":
        this.#close(step.file);
        return [];
      case "QueryApiVersion":
        this.#container(step.container);
        return [0];
      case "CheckExtension": {
        const { driver } = this.#container(step.container);
        const isKnown = [1, 3, 6, 9].includes(step.extension) || (step.extension === 10 && driver !== null);
        return [isKnown ? 1 : 0];
      }
      case "SetIommu":
        this.#setIommu(this.#container(step.container), step.iommuType);
        return [];
      case "QueryGroupStatus":
        return [this.#group(step.group).container === null ? 1 : 3];
      case "SetContainer":
        this.#join(this.#group(step.group), step.file);
        return [];
      case "UnsetContainer": {
        const group = this.#group(step.group);
        check(group.container !== null, "EINVAL");
        check(group.devices === 0, "EBUSY");
        this.#leave(group);
        return [];
      }
      case "OpenDevice": {
        const group = this.#group(step.group);
        check(group.traits.devices.includes(step.name), "ENODEV");
        check(group.container !== null && group.container.driver !== null, "EINVAL");
        group.devices++;
        return [this.devices.push({ group, isOpen: true }) - 1];
      }
      case "QueryInfo": {
        const driver = this.#driver(step.container);
        const room = step.argBytes ?? 24;
        check(step.hasBadPointer !== true, "EFAULT");
        check(room >= 16, "EINVAL");
        const needed = 24 + 32 + 16 + 16 + 16 * driver.iovas.length;
        if (room < needed) return [needed, null, ""];
        return [room, driver.entriesMax - this.mappingsOf(driver).length, driver.iovas.join()];
      }
      case "MapDma":
        this.#map(this.#driver(step.container), step);
        return [];
      case "UnmapDma":
        return this.#unmap(this.#driver(step.container), step);
      case "UseDirtyPages":
        return this.#dirty(this.#driver(step.container), step);
      case "UnknownCall": {
        if (step.file.kind === "container") {
          check(this.#container(step.file.handle).driver !== null, "EINVAL");
          throw new Stop("ENOTTY");
        }
        check(step.file.kind === "group" && this.groups[step.file.handle]?.isOpen === true, "EBADF");
        throw new Stop("ENOTTY");
      }
      default:
        throw new Error("no such step");
    }
  }

  #container(handle: number | null): Container {
    const container = this.containers[handle ?? -1];
    if (container?.isOpen !== true) throw new Stop("EBADF");
    return container;
  }

  #driver(handle: number | null): Driver {
    const { driver } = this.#container(handle);
    if (driver === null) throw new Stop("EINVAL");
    return driver;
  }

  #group(handle: number | null): Group {
    const group = this.groups[handle ?? -1];
    if (group?.isOpen !== true) throw new Stop("EBADF");
    return group;
  }

  #setIommu(container: Container, type: number): void {
    check(container.groups.length > 0 && container.driver === null, "EINVAL");
    check([1, 3, 6, 9].includes(type), "ENODEV");
    check(type === 1 || type === 3, "EINVAL");
    const common = { isV2: type === 3, entriesMax: this.#entriesMax, isTracking: false };
    const driver: Driver = { ...common, pages: new Map(), iovas: [], domains: [] };
    for (const { traits } of container.groups) this.#attach(driver, traits);
    container.driver = driver;
  }

  #join(group: Group, file: Extract<Type1Command, { command: "SetContainer" }>["file"]): void {
    check(file.kind !== "none", "EBADF");
    check(group.container === null, "EINVAL");
    if (file.kind !== "container") throw new Stop("EBADFD");
    const container = this.#container(file.handle);
    if (container.driver !== null) this.#attach(container.driver, group.traits);
    container.groups.unshift(group);
    group.container = container;
  }

  #attach(driver: Driver, { number, aperture, reserved, refusesWiderDomains }: Type1GroupTraits): void {
    const mappings = this.mappingsOf(driver);
    check(!mappings.some(({ isInvalid }) => isInvalid), "EBUSY");
    const first = driver.iovas[0]?.[0];
    const last = driver.iovas.at(-1)?.[1];
    if (first !== undefined && last !== undefined) check(aperture.first <= last && aperture.last >= first, "EINVAL");
    for (const page of driver.pages.keys()) {
      const [from, to] = [page * PAGE, page * PAGE + PAGE - 1n];
      // The driver looks for mappings between the old ends and the new ones. Where the old end is that of all
      // addresses, it finds none.
      if (first !== undefined) check(from >= aperture.first || to < first, "EINVAL");
      if (last !== undefined && last !== TOP) check(to <= aperture.last || from > last, "EINVAL");
      for (const region of reserved) check(to < region.first || from > region.last, "EINVAL");
    }
    let iovas: [bigint, bigint][] = driver.iovas.length === 0 ? [[0n, TOP]] : driver.iovas;
    iovas = iovas.map(([from, to]): [bigint, bigint] => [later(from, aperture.first), earlier(to, aperture.last)]);
    iovas = cut(
      iovas.filter(([from, to]) => from < to),
      reserved,
    );
    check(iovas.length > 0, "EINVAL");
    driver.iovas = iovas;
    const shared = driver.domains.find((domain) => !refusesWiderDomains || domain.last <= aperture.last);
    if (shared === undefined) driver.domains.unshift({ first: aperture.first, last: aperture.last, groups: [number] });
    else shared.groups.push(number);
  }

  #leave(group: Group): void {
    const { container } = group;
    if (container === null) return;
    group.container = null;
    container.groups = container.groups.filter((one) => one !== group);
    const { driver } = container;
    if (driver === null) return;
    if (container.groups.length === 0) {
      for (const { charged } of this.mappingsOf(driver)) this.lockedPages -= charged;
      container.driver = null;
      return;
    }
    for (const domain of driver.domains) domain.groups = domain.groups.filter((one) => one !== group.traits.number);
    const kept = driver.domains.filter(({ groups }) => groups.length > 0);
    let first = driver.iovas[0]?.[0] as bigint;
    let last = driver.iovas.at(-1)?.[1] as bigint;
    if (kept.length < driver.domains.length) {
      [first, last] = [0n, TOP];
      for (const domain of kept) {
        if (domain.first > first) first = domain.first;
        if (domain.last < last) last = domain.last;
      }
    }
    driver.domains = kept;
    const reserved = container.groups.flatMap(({ traits }) => traits.reserved);
    const iovas = cut([[first, last]], reserved);
    if (iovas.length > 0) driver.iovas = iovas;
  }

  #close(file: Extract<Type1Command, { command: "CloseFile" }>["file"]): void {
    if (file.kind === "foreign") return;
    if (file.kind === "none") throw new Stop("EBADF");
    if (file.kind === "container") this.#container(file.handle).isOpen = false;
    else if (file.kind === "group") {
      const group = this.#group(file.handle);
      group.isOpen = false;
      if (group.devices === 0) this.#leave(group);
    } else {
      const device = this.devices[file.handle];
      if (device?.isOpen !== true) throw new Stop("EBADF");
      device.isOpen = false;
      device.group.devices--;
      if (!device.group.isOpen && device.group.devices === 0) this.#leave(device.group);
    }
  }

  #map(driver: Driver, step: Extract<Type1Command, { command: "MapDma" }>): void {
    const { flags, iova, size, userVa } = step;
    check(step.hasBadPointer !== true, "EFAULT");
    check((step.argBytes ?? 32) >= 32 && flags < 8, "EINVAL");
    check([1, 2, 3, 4].includes(flags), "EINVAL");
    check(size !== 0n && size % PAGE === 0n && iova % PAGE === 0n && userVa % PAGE === 0n, "EINVAL");
    check(iova + size - 1n <= TOP && userVa + size - 1n <= TOP, "EINVAL");
    const touched = this.#touched(driver, iova, size);
    if (flags === 4) {
      // A range that ends at the end of all addresses finds nothing.
      const [found] = iova + size - 1n === TOP ? [] : touched;
      if (found === undefined) throw new Stop("ENOENT");
      check(found.isInvalid && found.first * PAGE === iova && found.pages * PAGE === size, "EINVAL");
      found.va = userVa;
      found.isInvalid = false;
      return;
    }
    check(touched.length === 0, "EEXIST");
    check(this.mappingsOf(driver).length < driver.entriesMax, "ENOSPC");
    check(
      driver.iovas.some(([first, last]) => iova >= first && iova + size - 1n <= last),
      "EINVAL",
    );
    let charged = 0;
    for (let at = userVa; at < userVa + size; at += PAGE) {
      const page = this.memory.get(at / PAGE);
      check(page !== undefined && (page !== "read" || (flags & 2) === 0), "EFAULT");
      if (page === "device") continue;
      charged++;
      check(this.#canLock || this.lockedPages + charged <= this.#limitPages, "ENOMEM");
    }
    this.lockedPages += charged;
    const pages = size / PAGE;
    const mapping = {
      first: iova / PAGE,
      pages,
      flags,
      va: userVa,
      charged,
      isInvalid: false,
      spare: new Set<number>(),
    };
    for (let i = 0n; i < pages; i++) driver.pages.set(mapping.first + i, mapping);
  }

  /** Mappings with a page in the range, ascending. */
  #touched(driver: Driver, iova: bigint, size: bigint): Mapping[] {
    const last = iova + size - 1n;
    return this.mappingsOf(driver).filter(({ first, pages }) => first * PAGE <= last && (first + pages) * PAGE > iova);
  }

  #unmap(driver: Driver, step: Extract<Type1Command, { command: "UnmapDma" }>): unknown[] {
    const { flags, iova, size, bitmap } = step;
    const wantsBits = (flags & 1) !== 0;
    const room = step.argBytes ?? (wantsBits ? 48 : 24);
    check(step.hasBadPointer !== true, "EFAULT");
    check(room >= 24 && flags < 8, "EINVAL");
    check(!wantsBits || flags === 1, "EINVAL");
    if (wantsBits && bitmap !== null) {
      check(room >= 48, "EINVAL");
      checkBitmap(bitmap, size);
    }
    check(iova % PAGE === 0n, "EINVAL");
    const isAll = (flags & 2) !== 0;
    if (isAll) check(iova === 0n && size === 0n, "EINVAL");
    else check(size !== 0n && size % PAGE === 0n && iova + size - 1n <= TOP, "EINVAL");
    if (wantsBits) check(driver.isTracking && bitmap?.pageSize === PAGE, "EINVAL");
    if (driver.isV2 && !isAll) check(!this.#cuts(driver, iova, size), "EINVAL");
    let gone = isAll ? this.mappingsOf(driver) : this.#touched(driver, iova, size);
    if (!isAll && iova + size - 1n === TOP) gone = [];
    if (!isAll && gone[0] !== undefined && gone[0].first * PAGE < iova) gone = [];
    const bytes = gone.reduce((sum, { pages }) => sum + pages * PAGE, 0n);
    if ((flags & 4) !== 0) {
      check(!gone.some(({ isInvalid }) => isInvalid), "EINVAL");
      for (const mapping of gone) mapping.isInvalid = true;
      return [bytes, ""];
    }
    const words = new Map<bigint, bigint>();
    for (const mapping of gone) {
      if (wantsBits && bitmap !== null) report(mapping, iova, bitmap, words);
      for (let i = 0n; i < mapping.pages; i++) driver.pages.delete(mapping.first + i);
      this.lockedPages -= mapping.charged;
    }
    return [bytes, wordsText(words)];
  }

  /** Whether a mapping is only in part in the range. */
  #cuts(driver: Driver, iova: bigint, size: bigint): boolean {
    const first = driver.pages.get(iova / PAGE);
    if (first !== undefined && first.first !== iova / PAGE) return true;
    const end = (iova + size) / PAGE - 1n;
    const last = driver.pages.get(end);
    return last !== undefined && last.first + last.pages - 1n !== end;
  }

  #dirty(driver: Driver, step: Extract<Type1Command, { command: "UseDirtyPages" }>): unknown[] {
    const { flags, iova, size, bitmap } = step;
    check(driver.isV2, "EACCES");
    check(step.hasBadPointer !== true, "EFAULT");
    check((step.argBytes ?? 48) >= 8 && [1, 2, 4].includes(flags), "EINVAL");
    if (flags !== 4) {
      if (driver.isTracking !== (flags === 1)) for (const { spare } of driver.pages.values()) spare.clear();
      driver.isTracking = flags === 1;
      return [""];
    }
    check((step.argBytes ?? 48) >= 48 && bitmap !== null, "EINVAL");
    if (bitmap === null) throw new Stop("EINVAL");
    check(iova + size <= TOP, "EINVAL");
    checkBitmap(bitmap, size);
    check(bitmap.pageSize === PAGE && size !== 0n && iova % PAGE === 0n && size % PAGE === 0n, "EINVAL");
    check(driver.isTracking, "EINVAL");
    check(!this.#cuts(driver, iova, size), "EINVAL");
    const words = new Map<bigint, bigint>();
    for (const mapping of this.#touched(driver, iova, size)) report(mapping, iova, bitmap, words);
    return [wordsText(words)];
  }
}

function later(a: bigint, b: bigint): bigint {
  return a < b ? b : a;
}

function earlier(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** Cuts reserved regions out, to the byte. */
function cut(
  ranges: readonly [bigint, bigint][],
  reserved: readonly { readonly first: bigint; readonly last: bigint }[],
): [bigint, bigint][] {
  let left: [bigint, bigint][] = [...ranges];
  for (const region of reserved)
    left = left.flatMap(([first, last]): [bigint, bigint][] => {
      if (region.last < first || region.first > last) return [[first, last]];
      const parts: [bigint, bigint][] = [];
      if (first < region.first) parts.push([first, region.first - 1n]);
      if (last > region.last) parts.push([region.last + 1n, last]);
      return parts;
    });
  return left;
}

function checkBitmap({ address, bytes, pageSize }: UserBitmap, size: bigint): void {
  check(address === null || address + bytes <= USER_END, "EINVAL");
  let unit = 1n;
  while (pageSize % (unit * 2n) === 0n) unit *= 2n;
  const pages = size / unit;
  check(pages > 0n && bytes > 0n && bytes <= 0x1000_0000n && bytes >= 8n * ((pages + 63n) / 64n), "EINVAL");
}

/** Every page of the mapping is dirty. Bit by bit, with what the kernel leaves behind. */
function report(mapping: Mapping, base: bigint, { fill }: UserBitmap, words: Map<bigint, bigint>): void {
  const pages = Number(mapping.pages);
  const offset = Number(mapping.first - base / PAGE);
  const [word, shift] = [Math.floor(offset / 64), offset % 64];
  const count = Math.ceil((pages + shift) / 64);
  let bits = new Set(mapping.spare);
  for (let bit = 0; bit < pages; bit++) bits.add(bit);
  if (shift > 0) {
    const moved = new Set<number>();
    for (const bit of bits) {
      if (bit >= count * 64) moved.add(bit);
      else if (bit + shift < count * 64) moved.add(bit + shift);
    }
    bits = moved;
    for (let bit = 0; bit < 64; bit++) {
      const old = words.get(BigInt(word));
      const isSet = old === undefined ? (fill >> (bit % 8)) & 1 : Number((old >> BigInt(bit)) & 1n);
      if (isSet === 1) bits.add(bit);
    }
  }
  for (let i = 0; i < count; i++) {
    let value = 0n;
    for (let bit = 0; bit < 64; bit++) if (bits.has(i * 64 + bit)) value |= 1n << BigInt(bit);
    words.set(BigInt(word + i), value);
  }
  mapping.spare.clear();
  for (const bit of bits) if (bit >= pages) mapping.spare.add(bit);
}

export function wordsText(words: ReadonlyMap<bigint, bigint>): string {
  return [...words].map(([word, value]) => `${word}:${value.toString(16)}`).join();
}
