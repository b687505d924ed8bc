/**
 * iommufd 6.12 once more, byte by byte and by brute force, from the rules that recordings show. It shares
 * no code with the deciders: plain maps and arrays, one entry per byte of what is mapped.
 * A page has 16 bytes here, so that a few hundred addresses hold all there is to collide with.
 */
import type { Command, DeviceTraits } from "@ioasis/core";

export const PAGE = 16n;
export const HUGE = 64n;
const TOP = 2n ** 64n - 1n;

/** What the process or its memory does between calls. */
export type Happening =
  | { readonly command: "Munmap"; readonly page: bigint }
  | { readonly command: "Mprotect"; readonly page: bigint; readonly isWritable: boolean }
  | { readonly command: "DropLock" };

export type Step = Command | Happening;

/** What one MAP pinned or would pin: shared by the copies of it. */
interface Pages {
  readonly isWritable: boolean;
  readonly isFree: boolean;
}

interface Area {
  readonly first: bigint;
  readonly last: bigint;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** User address of its first byte. */
  readonly va: bigint;
  readonly pages: Pages;
  readonly isCopy: boolean;
}

interface Reserved {
  readonly first: bigint;
  readonly last: bigint;
  readonly owner: object | null;
}

export interface Ioas {
  readonly kind: "ioas";
  readonly number: number;
  /** Each mapped byte. */
  bytes: Map<bigint, Area>;
  reserved: Reserved[];
  allowed: (readonly [bigint, bigint])[];
  hugePages: boolean;
}

export interface Table {
  readonly kind: "hwpt";
  readonly number: number;
  readonly ioas: Ioas;
  readonly isAuto: boolean;
  readonly pageSize: bigint;
  readonly aperture: { readonly first: bigint; readonly last: bigint };
  readonly canTrack: boolean;
  readonly isParent: boolean;
  readonly parent: Table | null;
  isTracking: boolean;
  dirty: Set<bigint>;
}

export interface Device {
  readonly name: string;
  readonly traits: DeviceTraits;
  on: Table;
}

interface Pin {
  readonly item: number;
  readonly first: bigint;
  readonly last: bigint;
}

export interface Access {
  readonly kind: "access";
  readonly name: string;
  readonly pins: boolean;
  ioas: Ioas;
  items: Pin[];
  made: number;
}

type Entry =
  | Ioas
  | Table
  | Access
  | { readonly kind: "selftest"; readonly device: Device }
  | { readonly kind: "bound"; readonly device: Device };

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

function powerOfTwoFrom(value: bigint): bigint {
  let power = 1n;
  while (power < value) power *= 2n;
  return power;
}

export class NaiveIommufd {
  readonly ids = new Map<number, Entry>();
  /** Pages of the process: number to whether it can be written. */
  readonly memory = new Map<bigint, boolean>();
  readonly #limitPages: number | null;
  #canLock = true;
  #ioasCount = 0;
  #tableCount = 0;
  rlimitMode = 0n;

  constructor(firstPage: bigint, pages: number, limitPages: number | null) {
    for (let i = 0n; i < BigInt(pages); i++) this.memory.set(firstPage + i, true);
    this.#limitPages = limitPages;
  }

  run(step: Step): Answer {
    try {
      // The one call that fails with something to tell.
      return step.command === "QueryIovaRanges" ? this.#query(step) : [null, ...this.#call(step)];
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      return [stop.errno];
    }
  }

  all<Kind extends Entry["kind"]>(kind: Kind): Extract<Entry, { kind: Kind }>[] {
    const found = [];
    for (const entry of this.ids.values()) if (entry.kind === kind) found.push(entry);
    return found as Extract<Entry, { kind: Kind }>[];
  }

  areasOf(ioas: Ioas): Area[] {
    const areas: Area[] = [];
    for (const [at, area] of ioas.bytes) if (at === area.first) areas.push(area);
    return areas.sort((a, b) => (a.first < b.first ? -1 : 1));
  }

  #call(step: Step): unknown[] {
    switch (step.command) {
      case "Munmap":
        this.memory.delete(step.page);
        return [];
      case "Mprotect":
        if (this.memory.has(step.page)) this.memory.set(step.page, step.isWritable);
        return [];
      case "DropLock":
        this.#canLock = false;
        return [];
      case "AllocIoas": {
        check(step.flags === 0, "EOPNOTSUPP");
        const number = this.#ioasCount++;
        const ioas: Ioas = { kind: "ioas", number, bytes: new Map(), reserved: [], allowed: [], hugePages: true };
        return [this.#add(ioas)];
      }
      case "DestroyObject":
        return this.#destroy(step.id);
      case "AllowIovas":
        return this.#allow(step);
      case "MapIova":
        return this.#map(step);
      case "CopyIova":
        return this.#copy(step);
      case "UnmapIova":
        return this.#unmap(step);
      case "UseOption":
        return this.#option(step);
      case "ReserveIova": {
        check(step.length !== 0n, "EINVAL");
        const last = step.iova + step.length - 1n;
        check(last <= TOP, "EOVERFLOW");
        const ioas = this.#ioas(step.ioasId);
        check(this.#canReserve(ioas, step.iova, last), "EADDRINUSE");
        ioas.reserved.push({ first: step.iova, last, owner: null });
        return [];
      }
      case "CreateMockDevice":
        return this.#createDevice(step);
      case "ReplaceMockDevice": {
        const entry = this.ids.get(step.deviceId);
        if (entry?.kind !== "selftest") throw new Stop("ENOENT");
        const { device } = entry;
        const table = this.#attach(device, step.ptId, device.on);
        return [table.number, this.#idOf(table), table.isAuto];
      }
      case "AllocHwpt":
        return this.#allocTable(step);
      case "SetDirtyTracking": {
        check((step.flags & ~1) === 0, "EOPNOTSUPP");
        const table = this.#pagingTable(step.hwptId);
        check(table.canTrack, "EOPNOTSUPP");
        table.isTracking = step.flags === 1;
        if (table.isTracking) table.dirty.clear();
        return [];
      }
      case "GetDirtyBitmap":
        return this.#getDirty(step);
      case "MarkMockDirty":
        return this.#markDirty(step);
      case "CheckMockMap":
        return this.#checkMap(step);
      case "CreateAccess": {
        check((step.flags & ~1) === 0, "EOPNOTSUPP");
        const ioas = this.#ioas(step.ioasId);
        const pins = step.flags === 1;
        if (pins) this.#raise(ioas, PAGE);
        this.#add({ kind: "access", name: step.access, pins, ioas, items: [], made: 0 });
        return [];
      }
      case "ReplaceAccess": {
        const access = this.#access(step.access);
        const ioas = this.#ioas(step.ioasId);
        if (access.ioas === ioas) return [];
        if (access.pins) this.#raise(ioas, PAGE);
        access.ioas = ioas;
        access.items = [];
        return [];
      }
      case "PinAccess":
        return this.#pin(step);
      case "UnpinAccess": {
        const access = this.#access(step.access);
        const kept = access.items.filter(({ item }) => item !== step.item);
        check(kept.length < access.items.length, "ENOENT");
        access.items = kept;
        return [];
      }
      case "AccessMemory":
        return this.#readWrite(step);
      default:
        throw new Error(`no naive ${step.command}`);
    }
  }

  /** The lowest free id. */
  #add(entry: Entry): number {
    let id = 1;
    while (this.ids.has(id)) id++;
    this.ids.set(id, entry);
    return id;
  }

  #idOf(wanted: Entry): number {
    for (const [id, entry] of this.ids) if (entry === wanted) return id;
    throw new Error("the object has no id");
  }

  #ioas(id: number): Ioas {
    const entry = this.ids.get(id);
    if (entry?.kind !== "ioas") throw new Stop("ENOENT");
    return entry;
  }

  #pagingTable(id: number): Table {
    const entry = this.ids.get(id);
    if (entry?.kind !== "hwpt" || entry.parent !== null) throw new Stop("ENOENT");
    return entry;
  }

  #access(name: string): Access {
    const access = this.all("access").find((one) => one.name === name);
    if (access === undefined) throw new Stop("EBADFD");
    return access;
  }

  #devices(): Device[] {
    return this.all("bound").map(({ device }) => device);
  }

  #tablesOf(ioas: Ioas): Table[] {
    return this.all("hwpt").filter((table) => table.ioas === ioas && table.parent === null);
  }

  #alignment(ioas: Ioas): bigint {
    let alignment = ioas.hugePages ? 1n : PAGE;
    for (const { pageSize } of this.#tablesOf(ioas)) if (pageSize > alignment) alignment = pageSize;
    for (const access of this.all("access")) if (access.pins && access.ioas === ioas) alignment = PAGE;
    return alignment;
  }

  /** Every area has to fit a stricter alignment. */
  #raise(ioas: Ioas, to: bigint): void {
    if (to <= this.#alignment(ioas)) return;
    for (const { first, last, va } of this.areasOf(ioas))
      check(first % to === 0n && (last + 1n) % to === 0n && (va % PAGE) % to === 0n, "EADDRINUSE");
  }

  #canReserve(ioas: Ioas, first: bigint, last: bigint): boolean {
    for (const at of ioas.bytes.keys()) if (at >= first && at <= last) return false;
    return ioas.allowed.every(([from, to]) => to < first || from > last);
  }

  #isReserved(ioas: Ioas, at: bigint): Reserved | null {
    for (const range of ioas.reserved) if (at >= range.first && at <= range.last) return range;
    return null;
  }

  #destroy(id: number): unknown[] {
    const entry = this.ids.get(id);
    if (entry === undefined) throw new Stop("ENOENT");
    switch (entry.kind) {
      case "ioas":
        for (const other of this.ids.values())
          if ((other.kind === "hwpt" || other.kind === "access") && other.ioas === entry) throw new Stop("EBUSY");
        break;
      case "hwpt":
        for (const { on } of this.#devices()) check(on !== entry, "EBUSY");
        for (const other of this.all("hwpt")) check(other.parent !== entry, "EBUSY");
        this.#dropTable(entry);
        return [];
      case "selftest": {
        const bound = this.all("bound").find(({ device }) => device === entry.device);
        this.ids.delete(id);
        if (bound !== undefined) this.ids.delete(this.#idOf(bound));
        this.#leave(entry.device, entry.device.on, null);
        return [];
      }
      default:
        throw new Stop("EBUSY");
    }
    this.ids.delete(id);
    return [];
  }

  #dropTable(table: Table): void {
    table.ioas.reserved = table.ioas.reserved.filter(({ owner }) => owner !== table);
    this.ids.delete(this.#idOf(table));
  }

  /** The device goes from `table`, to another one or away. */
  #leave(device: Device, table: Table, to: Table | null): void {
    if (to === null || to.ioas !== table.ioas)
      table.ioas.reserved = table.ioas.reserved.filter(({ owner }) => owner !== device);
    if (table.isAuto && !this.#devices().some(({ on }) => on === table)) this.#dropTable(table);
  }

  #allow({ ioasId, ranges, reserved, hasBadPointer }: Extract<Command, { command: "AllowIovas" }>): unknown[] {
    check((reserved ?? 0) === 0, "EOPNOTSUPP");
    const ioas = this.#ioas(ioasId);
    for (let i = 0; i < ranges.length; i++) {
      check(hasBadPointer !== true, "EFAULT");
      const [first, last] = ranges[i] as readonly [bigint, bigint];
      check(first < last, "EINVAL");
      for (const [from, to] of ranges.slice(0, i)) check(to < first || from > last, "EINVAL");
    }
    for (const [first, last] of ranges)
      for (const range of ioas.reserved) check(range.last < first || range.first > last, "EADDRINUSE");
    ioas.allowed = [...ranges];
    return [];
  }

  #query({ ioasId, slots, reserved, hasBadPointer }: Extract<Command, { command: "QueryIovaRanges" }>): Answer {
    check((reserved ?? 0) === 0, "EOPNOTSUPP");
    const ioas = this.#ioas(ioasId);
    const usable = this.usable(ioas);
    check(usable.length === 0 || slots === 0 || hasBadPointer !== true, "EFAULT");
    const told = usable.slice(0, slots).map(([first, last]) => `${first}-${last}`);
    return [usable.length > slots ? "EMSGSIZE" : null, usable.length, told.join(), this.#alignment(ioas)];
  }

  /** Walks from byte to byte, jumping over what is alike. */
  usable(ioas: Ioas): [bigint, bigint][] {
    const result: [bigint, bigint][] = [];
    for (let at = 0n; at <= TOP; ) {
      const range = this.#isReserved(ioas, at);
      if (range !== null) {
        at = range.last + 1n;
        continue;
      }
      let end = TOP;
      for (const { first } of ioas.reserved) if (first > at && first - 1n < end) end = first - 1n;
      result.push([at, end]);
      at = end + 1n;
    }
    return result;
  }

  #map(step: Extract<Command, { command: "MapIova" }>): unknown[] {
    const { flags, iova, length, userVa } = step;
    check((flags & ~7) === 0 && (step.reserved ?? 0) === 0, "EOPNOTSUPP");
    check(iova !== TOP && length !== TOP, "EOVERFLOW");
    check((flags & 6) !== 0, "EINVAL");
    const ioas = this.#ioas(step.ioasId);
    check(length !== 0n && length <= TOP - PAGE, "EINVAL");
    check(userVa + length <= TOP, "EOVERFLOW");
    const pages = { isWritable: (flags & 2) !== 0, isFree: this.#canLock };
    return [this.#place(ioas, flags, iova, [{ va: userVa, length, pages, isCopy: false }])];
  }

  #copy(step: Extract<Command, { command: "CopyIova" }>): unknown[] {
    const { flags, length, srcIova, dstIova } = step;
    check((flags & ~7) === 0, "EOPNOTSUPP");
    check(length !== TOP && srcIova !== TOP && dstIova !== TOP, "EOVERFLOW");
    check((flags & 6) !== 0, "EINVAL");
    const source = this.#ioas(step.srcIoasId);
    check(length !== 0n, "EINVAL");
    check(srcIova + length - 1n <= TOP, "EOVERFLOW");
    const pieces: { va: bigint; length: bigint; pages: Pages; isCopy: boolean }[] = [];
    let before: Area | null = null;
    for (let i = 0n; i < length; i++) {
      const area = source.bytes.get(srcIova + i);
      if (area === undefined) throw new Stop("ENOENT");
      const piece = pieces.at(-1);
      if (area === before && piece !== undefined) piece.length++;
      else pieces.push({ va: area.va + srcIova + i - area.first, length: 1n, pages: area.pages, isCopy: true });
      before = area;
    }
    return [this.#place(this.#ioas(step.dstIoasId), flags, dstIova, pieces)];
  }

  #place(
    ioas: Ioas,
    flags: number,
    asked: bigint,
    pieces: readonly { va: bigint; length: bigint; pages: Pages; isCopy: boolean }[],
  ): bigint {
    const alignment = this.#alignment(ioas);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0n);
    check(length % alignment === 0n, "EINVAL");
    let start = asked;
    if ((flags & 1) !== 0) {
      check(asked % alignment === 0n, "EINVAL");
      check(asked + length - 1n <= TOP, "EOVERFLOW");
      for (const { first, last } of ioas.reserved) check(last < asked || first > asked + length - 1n, "EINVAL");
      for (const at of ioas.bytes.keys()) check(at < asked || at > asked + length - 1n, "EEXIST");
    } else start = this.#choose(ioas, pieces[0]?.va ?? 0n, length, alignment);
    for (const { pages, va } of pieces) {
      check((flags & 2) === 0 || pages.isWritable, "EPERM");
      check((va % PAGE) % alignment === 0n, "EINVAL");
    }
    const ioPages = this.#tablesOf(ioas).map((table) => table.pageSize);
    if (ioPages.length > 0) this.#pinAll(pieces, { iova: start, ioPages });
    let at = start;
    for (const { va, length: bytes, pages, isCopy } of pieces) {
      const [canRead, canWrite] = [(flags & 4) !== 0, (flags & 2) !== 0];
      const area = { first: at, last: at + bytes - 1n, canRead, canWrite, va, pages, isCopy };
      for (let i = 0n; i < bytes; i++) ioas.bytes.set(at + i, area);
      at += bytes;
    }
    return start;
  }

  /** Tries every hole between what is reserved or mapped. */
  #choose(ioas: Ioas, va: bigint, length: bigint, alignment: bigint): bigint {
    check(length < 0x7fff_ffff_ffff_ffffn, "EOVERFLOW");
    let align = powerOfTwoFrom(length);
    if (va !== 0n) while (va % align !== 0n) align /= 2n;
    if (align > HUGE) align = HUGE;
    check(align >= alignment, "EINVAL");
    const fits = (from: bigint): bigint => (((from + align - 1n) / align) * align) | (va % PAGE);
    const isFree = (at: bigint) => this.#isReserved(ioas, at) === null && !ioas.bytes.has(at);
    const allowed = ioas.allowed.length === 0 ? [[PAGE, TOP - PAGE] as const] : [...ioas.allowed];
    allowed.sort((a, b) => (a[0] < b[0] ? -1 : 1));
    // Ranges side by side are one.
    const searched: [bigint, bigint][] = [];
    for (const [first, last] of allowed) {
      const before = searched.at(-1);
      if (before !== undefined && before[1] + 1n === first) before[1] = last;
      else searched.push([first, last]);
    }
    for (const [rawFirst, rawLast] of searched) {
      const first = rawFirst < PAGE ? PAGE : rawFirst;
      const last = rawLast > TOP - PAGE ? TOP - PAGE : rawLast;
      if (first > last) continue;
      let at = fits(first);
      if (at >= last || last - at < length - 1n) continue;
      while (at <= last) {
        const taken = this.#isReserved(ioas, at);
        if (taken !== null || ioas.bytes.has(at)) {
          at = taken === null ? at + 1n : taken.last + 1n;
          continue;
        }
        const hole = at;
        const start = fits(hole);
        const wanted = start + (length > 2n ? length : 2n) - 1n;
        while (at <= last && at <= wanted && isFree(at)) at++;
        if (at > wanted) return start;
        while (at <= last && isFree(at)) at++;
      }
    }
    throw new Stop("ENOSPC");
  }

  /** Numbers of the pages that somebody holds of one MAP. */
  #held(pages: Pages): Set<bigint> {
    const held = new Set<bigint>();
    for (const ioas of this.all("ioas")) {
      const isHeld = this.#tablesOf(ioas).length > 0;
      const pins = this.all("access")
        .filter((access) => access.ioas === ioas)
        .flatMap(({ items }) => items);
      if (!isHeld && pins.length === 0) continue;
      for (const [at, area] of ioas.bytes)
        if (area.pages === pages && (isHeld || pins.some(({ first, last }) => at >= first && at <= last)))
          held.add((area.va + at - area.first) / PAGE);
    }
    return held;
  }

  #lockedPages(): number {
    const all = new Set<Pages>();
    for (const ioas of this.all("ioas")) for (const { pages } of ioas.bytes.values()) all.add(pages);
    let sum = 0;
    for (const pages of all) if (!pages.isFree) sum += this.#held(pages).size;
    return sum;
  }

  /** Pins page by page, and counts. */
  #pinAll(
    pieces: readonly { readonly va: bigint; readonly length: bigint; readonly pages: Pages }[],
    mapAt: { iova: bigint; readonly ioPages: readonly bigint[] } | null = null,
  ): void {
    const newly = new Map<Pages, Set<bigint>>();
    const limit = this.#canLock ? null : this.#limitPages;
    let locked = limit === null ? 0 : this.#lockedPages();
    for (const { va, length, pages } of pieces) {
      const held = newly.get(pages) ?? this.#held(pages);
      newly.set(pages, held);
      let isMore = false;
      for (let page = va / PAGE; page * PAGE < va + length; page++) {
        if (held.has(page)) continue;
        const isWritable = this.memory.get(page);
        check(isWritable !== undefined && (isWritable || !pages.isWritable), "EFAULT");
        held.add(page);
        if (pages.isFree) continue;
        locked++;
        isMore = true;
      }
      check(limit === null || !isMore || locked <= limit, "ENOMEM");
      if (mapAt === null) continue;
      // No page table maps less than one of its pages.
      for (const ioPage of mapAt.ioPages) check(mapAt.iova % ioPage === 0n && length % ioPage === 0n, "EINVAL");
      mapAt.iova += length;
    }
  }

  #unmap({ ioasId, iova, length }: Extract<Command, { command: "UnmapIova" }>): unknown[] {
    const ioas = this.#ioas(ioasId);
    const isAll = iova === 0n && length === TOP;
    if (!isAll) {
      check(iova !== TOP && length !== TOP, "EOVERFLOW");
      check(length !== 0n, "EINVAL");
      check(iova + length - 1n <= TOP, "EOVERFLOW");
    }
    const last = isAll ? TOP : iova + length - 1n;
    let bytes = 0n;
    for (const area of this.areasOf(ioas)) {
      if (area.last < iova || area.first > last) continue;
      check(area.first >= iova && area.last <= last, "ENOENT");
      this.#take(ioas, area);
      bytes += area.last - area.first + 1n;
    }
    check(isAll || bytes > 0n, "ENOENT");
    return [bytes];
  }

  #take(ioas: Ioas, { first, last }: Area): void {
    for (let at = first; at <= last; at++) ioas.bytes.delete(at);
    for (const access of this.all("access"))
      if (access.ioas === ioas) access.items = access.items.filter((pin) => pin.last < first || pin.first > last);
    for (const table of this.#tablesOf(ioas))
      for (let at = first; at <= last; at++) table.dirty.delete(at / table.pageSize);
  }

  #option(step: Extract<Command, { command: "UseOption" }>): unknown[] {
    check((step.reserved ?? 0) === 0 && step.option <= 1, "EOPNOTSUPP");
    if (step.option === 0) {
      check(step.objectId === 0 && step.operation <= 1, "EOPNOTSUPP");
      if (step.operation === 1) return [this.rlimitMode];
      check(this.ids.size === 0, "EBUSY");
      check(step.value <= 1n, "EINVAL");
      this.rlimitMode = step.value;
      return [step.value];
    }
    const ioas = this.#ioas(step.objectId);
    check(step.operation <= 1, "EOPNOTSUPP");
    if (step.operation === 1) return [ioas.hugePages ? 1n : 0n];
    check(step.value <= 1n, "EINVAL");
    if (step.value === 0n && ioas.hugePages) {
      check(this.#tablesOf(ioas).length === 0 || ioas.bytes.size === 0, "EINVAL");
      this.#raise(ioas, PAGE);
    }
    ioas.hugePages = step.value === 1n;
    return [step.value];
  }

  #createDevice(step: Extract<Command, { command: "CreateMockDevice" }>): unknown[] {
    check((step.deviceFlags & ~3) === 0, "EINVAL");
    // Its two ids are taken before the page table's.
    const device = { name: step.device, traits: step.traits } as Device;
    const [selftest, bound] = [{ kind: "selftest", device } as const, { kind: "bound", device } as const];
    const [deviceId, boundId] = [this.#add(selftest), this.#add(bound)];
    try {
      const table = this.#attach(device, step.ptId, null, [deviceId, boundId]);
      return [deviceId, boundId, table.number, this.#idOf(table), table.isAuto];
    } catch (stop) {
      this.ids.delete(deviceId);
      this.ids.delete(boundId);
      throw stop;
    }
  }

  #attach(device: Device, ptId: number, from: Table | null, hidden: readonly number[] = []): Table {
    const entry = hidden.includes(ptId) ? undefined : this.ids.get(ptId);
    if (entry === undefined) throw new Stop("ENOENT");
    if (entry.kind !== "ioas" && entry.kind !== "hwpt") throw new Stop("EINVAL");
    // Some IOMMUs take no page table that translates more than they do.
    const fits = ({ aperture: { first, last } }: Table) =>
      device.traits.refusesWiderTables !== true ||
      (device.traits.aperture.first <= first && last <= device.traits.aperture.last);
    const found = entry.kind === "hwpt" ? entry : this.#tablesOf(entry).find((one) => one.isAuto && fits(one));
    if (found !== undefined && found === from) return found;
    const ioas = entry.kind === "ioas" ? entry : entry.ioas;
    const { traits } = device;
    const regions = (): void => {
      if (from?.ioas === ioas) return;
      for (const { first, last } of traits.reserved) check(this.#canReserve(ioas, first, last), "EADDRINUSE");
    };
    let table = found;
    if (table === undefined) {
      if (from === null) regions();
      const aperture = from === null ? traits.aperture : (traits.unattachedAperture ?? traits.aperture);
      this.#checkTable(ioas, traits.pageSize, aperture);
      if (from !== null) regions();
      table = this.#newTable(ioas, traits.pageSize, aperture, { isAuto: true, canTrack: false, isParent: false });
    } else {
      regions();
      check(!table.canTrack || traits.canTrackDirty, "EINVAL");
      check(fits(table), "EINVAL");
    }
    if (from?.ioas !== ioas)
      for (const { first, last } of traits.reserved) ioas.reserved.push({ first, last, owner: device });
    device.on = table;
    if (from !== null) this.#leave(device, from, table);
    return table;
  }

  #checkTable(ioas: Ioas, pageSize: bigint, aperture: { readonly first: bigint; readonly last: bigint }): void {
    check(pageSize <= PAGE, "EINVAL");
    this.#raise(ioas, pageSize);
    if (aperture.first > 0n) check(this.#canReserve(ioas, 0n, aperture.first - 1n), "EADDRINUSE");
    if (aperture.last < TOP) check(this.#canReserve(ioas, aperture.last + 1n, TOP), "EADDRINUSE");
    // Pages that another page table holds need no pinning. A failure leaves nothing, so areas may be tried one by one.
    const isFirst = this.#tablesOf(ioas).length === 0;
    const pieces: { va: bigint; length: bigint; pages: Pages }[] = [];
    for (const { va, first, last, pages } of this.areasOf(ioas)) {
      pieces.push({ va, length: last - first + 1n, pages });
      if (isFirst) this.#pinAll(pieces);
      check(first % pageSize === 0n && (last + 1n) % pageSize === 0n, "EINVAL");
    }
  }

  #newTable(
    ioas: Ioas,
    pageSize: bigint,
    aperture: { readonly first: bigint; readonly last: bigint },
    traits: Pick<Table, "isAuto" | "canTrack" | "isParent">,
  ): Table {
    const number = this.#tableCount++;
    const common = { parent: null, isTracking: false, dirty: new Set<bigint>() };
    const table: Table = { kind: "hwpt", number, ioas, pageSize, aperture, ...traits, ...common };
    if (aperture.first > 0n) ioas.reserved.push({ first: 0n, last: aperture.first - 1n, owner: table });
    if (aperture.last < TOP) ioas.reserved.push({ first: aperture.last + 1n, last: TOP, owner: table });
    this.#add(table);
    return table;
  }

  #allocTable(step: Extract<Command, { command: "AllocHwpt" }>): unknown[] {
    check((step.reserved ?? 0) === 0, "EOPNOTSUPP");
    check((step.dataType === 0) === (step.dataLength === 0), "EINVAL");
    const bound = this.ids.get(step.deviceId);
    if (bound?.kind !== "bound") throw new Stop("ENOENT");
    const { traits } = bound.device;
    const entry = this.ids.get(step.ptId);
    // None of the nested page tables that a device could walk is asked for.
    if (entry?.kind === "hwpt" && entry.parent === null) {
      check((step.flags & ~4) === 0 && step.dataLength !== 0, "EOPNOTSUPP");
      check(!entry.isAuto && entry.isParent, "EINVAL");
      throw new Stop("EOPNOTSUPP");
    }
    if (entry?.kind !== "ioas") throw new Stop("EINVAL");
    check((step.flags & ~3) === 0, "EOPNOTSUPP");
    const canTrack = (step.flags & 2) !== 0;
    check(!canTrack || traits.canTrackDirty, "EOPNOTSUPP");
    check(step.dataType === 0, "EOPNOTSUPP");
    const aperture = traits.unattachedAperture ?? traits.aperture;
    this.#checkTable(entry, traits.pageSize, aperture);
    const isParent = (step.flags & 1) !== 0;
    const table = this.#newTable(entry, traits.pageSize, aperture, { isAuto: false, canTrack, isParent });
    return [table.number, this.#idOf(table)];
  }

  #getDirty(step: Extract<Command, { command: "GetDirtyBitmap" }>): unknown[] {
    const { flags, iova, length, pageSize } = step;
    check((flags & ~1) === 0 && (step.reserved ?? 0) === 0, "EOPNOTSUPP");
    const table = this.#pagingTable(step.hwptId);
    check(length !== 0n && iova + length - 1n <= TOP, "EOVERFLOW");
    const alignment = this.#alignment(table.ioas);
    check(iova % alignment === 0n && (iova + length) % alignment === 0n, "EINVAL");
    check(pageSize !== 0n && iova % pageSize === 0n && (iova + length) % pageSize === 0n, "EINVAL");
    check(table.canTrack, "EOPNOTSUPP");
    const bits = new Set<bigint>();
    if (table.isTracking)
      for (let at = iova; at < iova + length && table.ioas.bytes.has(at); at++) {
        if (!table.dirty.has(at / table.pageSize)) continue;
        bits.add((at - iova) / pageSize);
        if ((flags & 1) === 0 && (at + 1n) % table.pageSize === 0n) table.dirty.delete(at / table.pageSize);
      }
    return [length / pageSize, [...bits].sort((a, b) => Number(a - b)).join()];
  }

  #markDirty(step: Extract<Command, { command: "MarkMockDirty" }>): unknown[] {
    const { iova, length, pageSize, bits } = step;
    check(pageSize !== 0n && length !== 0n, "EINVAL");
    check(iova % pageSize === 0n && length % pageSize === 0n, "EINVAL");
    const table = this.#pagingTable(step.hwptId);
    check(table.isTracking, "EINVAL");
    let count = 0;
    for (let bit = 0n; bit < length / pageSize; bit++) {
      const byte = bits[Number(bit / 8n)] ?? 0;
      if (((byte >> Number(bit % 8n)) & 1) === 0) continue;
      const page = iova / pageSize + bit;
      if (!table.ioas.bytes.has(page * table.pageSize)) continue;
      table.dirty.add(page);
      count++;
    }
    return [count];
  }

  /** By the io page: the user's page is read, then compared. */
  #checkMap({ hwptId, iova, length, userVa }: Extract<Command, { command: "CheckMockMap" }>): unknown[] {
    const ioPage = PAGE / 2n;
    check(iova % ioPage === 0n && length % ioPage === 0n && userVa % ioPage === 0n, "EINVAL");
    check(userVa + length <= TOP, "EINVAL");
    const { ioas } = this.#pagingTable(hwptId);
    for (let i = 0n; i < length; i += ioPage) {
      check(this.memory.has((userVa + i) / PAGE), "EFAULT");
      const area = ioas.bytes.get(iova + i);
      check(area !== undefined && area.va + (iova + i - area.first) === userVa + i, "EINVAL");
    }
    return [];
  }

  /** Visits the areas of a range in order of address. */
  #walk(ioas: Ioas, iova: bigint, length: bigint, visit: (area: Area, first: bigint, last: bigint) => void): void {
    for (let at = iova; at < iova + length; ) {
      const area = ioas.bytes.get(at);
      if (area === undefined) throw new Stop("ENOENT");
      const last = area.last < iova + length - 1n ? area.last : iova + length - 1n;
      visit(area, at, last);
      at = last + 1n;
    }
  }

  #pin(step: Extract<Command, { command: "PinAccess" }>): unknown[] {
    const { iova, length, flags } = step;
    check((flags & ~1) === 0, "EOPNOTSUPP");
    const access = this.#access(step.access);
    check(access.pins, "EOPNOTSUPP");
    check(length !== 0n, "EINVAL");
    check(iova + length - 1n <= TOP, "EOVERFLOW");
    const pieces: { va: bigint; length: bigint; pages: Pages }[] = [];
    this.#walk(access.ioas, iova, length, (area, first, last) => {
      const va = area.va + first - area.first;
      check(va % PAGE === 0n, "EINVAL");
      check(last === iova + length - 1n || (area.va + area.last - area.first + 1n) % PAGE === 0n, "EINVAL");
      check(flags === 1 ? area.canWrite : area.canRead, "EPERM");
      pieces.push({ va, length: last - first + 1n, pages: area.pages });
      this.#pinAll(pieces);
    });
    const item = access.made++;
    access.items.push({ item, first: iova, last: iova + length - 1n });
    return [item];
  }

  #readWrite(step: Extract<Command, { command: "AccessMemory" }>): unknown[] {
    const { iova, length, flags } = step;
    check((flags & ~5) === 0, "EOPNOTSUPP");
    const access = this.#access(step.access);
    check(length !== 0n, "EINVAL");
    check(iova + length - 1n <= TOP, "EOVERFLOW");
    this.#walk(access.ioas, iova, length, (area, first, last) => {
      check((flags & 1) !== 0 ? area.canWrite : area.canRead, "EPERM");
      const va = area.va + first - area.first;
      for (let page = va / PAGE; page * PAGE <= va + last - first; page++) {
        const isWritable = this.memory.get(page);
        check(isWritable !== undefined && ((flags & 1) === 0 || isWritable), "EFAULT");
      }
    });
    return [];
  }
}
