/** The model's side of a replay: its state, and the machine and process that the recording was made on. */
import { iova } from "../address.ts";
import { EventBatch } from "../event-batch.ts";
import type { DeviceName, HwptHandle, IoasEvent, IoasHandle } from "../events.ts";
import { applyBatch } from "../evolve.ts";
import { DirtyPages } from "../profile/dirty-pages.ts";
import type { AccessPin, DeviceTraits, Environment } from "../profile/environment.ts";
import type { HostTraits } from "../profile/host-traits.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { MockIommu } from "../profile/mock-traits.ts";
import { UserMemory } from "../profile/user-memory.ts";
import { ContextState } from "../state.ts";
import type { Fields } from "./fields.ts";
import { MEMLOCK_BYTES_DEFAULT } from "./recorder.ts";

const BATCH_EVENTS = 256;
const NO_ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };

/** `Environment` while a replay changes it. */
interface Surroundings extends Environment {
  memory: UserMemory;
  memlockBytes: bigint | null;
  canLockMemory: boolean;
  lockedUpTo: number;
  canSetLimits: boolean;
  readonly devices: Map<DeviceName, DeviceTraits>;
  readonly pins: Map<string, AccessPin>;
  readonly pinsMade: Map<string, number>;
  readonly copies: Map<number, number>;
  readonly files: Map<number, bigint>;
  readonly dirty: Map<HwptHandle, DirtyPages>;
  readonly deviceFiles: Map<DeviceName, string>;
}

export class Replay {
  readonly state = new ContextState();
  readonly profile: KernelProfile;
  readonly environment: Surroundings;
  /** The IOMMU of the self-test's devices. */
  readonly mock: MockIommu;
  /** The IOMMU of the real devices, where there are any. */
  readonly host: HostTraits | null;
  /** Page tables whose dirty bits the calls do not decide. */
  readonly opaqueTables = new Set<HwptHandle>();
  /** Page tables that were written to since their dirty bits were all cleared. */
  readonly writtenTables = new Set<HwptHandle>();
  /** The number of the next handle of each type. */
  readonly #next = new Map<string, number>();
  #batch = new EventBatch(1, 1, BATCH_EVENTS);

  constructor(meta: Fields, profile: KernelProfile, host: HostTraits | null) {
    this.profile = profile;
    this.host = host;
    this.mock = {
      pageSize: BigInt(meta.number("mock_io_page_size")),
      aperture: { first: iova(meta.u64("mock_aperture_start")), last: iova(meta.u64("mock_aperture_last")) },
    };
    this.environment = {
      pageSize: BigInt(meta.number("page_size")),
      hugePageSize: meta.u64("hpage_size"),
      memory: UserMemory.of(meta.u64("va_base"), meta.u64("buf_size")),
      memlockBytes: MEMLOCK_BYTES_DEFAULT,
      canLockMemory: true,
      lockedUpTo: 0,
      canSetLimits: true,
      devices: new Map(),
      pins: new Map(),
      pinsMade: new Map(),
      copies: new Map(),
      files: new Map(),
      dirty: new Map(),
      deviceFiles: new Map(),
    };
  }

  /** What the recording will call the next object of a type. */
  nextHandle(type: string): string {
    return `${type}${this.nextNumber(type)}`;
  }

  nextNumber(type: string): number {
    return this.#next.get(type) ?? 0;
  }

  /** The object with this number has been made. */
  count(type: string, number: number): void {
    this.#next.set(type, number + 1);
  }

  /** Forgets the pins of an access. */
  unpinAll(access: string): void {
    const { pins } = this.environment;
    for (const [name, pin] of pins) if (pin.access === access) pins.delete(name);
  }

  /** What enabling dirty tracking does. */
  clearDirtyPages(hwpt: HwptHandle): void {
    this.environment.dirty.delete(hwpt);
    this.writtenTables.delete(hwpt);
  }

  /** The dirty bits of a page table, made when first asked for. */
  dirtyPages(hwpt: HwptHandle): DirtyPages {
    const known = this.environment.dirty.get(hwpt);
    if (known !== undefined) return known;
    const pages = new DirtyPages(this.state.hwpts[hwpt]?.pageSize ?? this.mock.pageSize);
    this.environment.dirty.set(hwpt, pages);
    return pages;
  }

  /** Folds `events`. `copies`: for each mapping among them, the version of the MAP whose pages it shares. */
  apply(events: readonly IoasEvent[], copies: readonly (number | null)[] = []): void {
    let mapped = 0;
    for (const event of events) {
      if (this.#batch.isFull) this.#batch = new EventBatch(1, this.state.version + 1, BATCH_EVENTS);
      const row = this.#batch.length;
      this.#batch.push(event, NO_ENVELOPE);
      applyBatch(this.state, this.#batch, row, row + 1);
      if (event.type === "IovaUnmapped") this.#forget(event.ioas, event.iova, event.last);
      if (event.type !== "IovaMapped") continue;
      const map = copies[mapped++] ?? null;
      if (map !== null) this.environment.copies.set(this.state.version, map);
    }
  }

  /** What an unmap takes, an access no longer pins and a device has no longer written. */
  #forget(ioas: IoasHandle, first: bigint, last: bigint): void {
    const { pins, dirty } = this.environment;
    for (const [name, pin] of pins) if (pin.ioas === ioas && pin.first <= last && pin.last >= first) pins.delete(name);
    for (const [hwpt, pages] of dirty) if (this.state.hwpts[hwpt]?.ioas === ioas) pages.clear(first, last);
  }
}
