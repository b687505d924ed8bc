/** The model's side of a replay: its state, and the machine and process that the recording was made on. */
import { iova } from "../address.ts";
import { EventBatch } from "../event-batch.ts";
import type { DeviceName, IoasEvent, IoasHandle } from "../events.ts";
import { applyBatch } from "../evolve.ts";
import type { AccessPin, DeviceTraits, Environment } from "../profile/environment.ts";
import type { HostTraits } from "../profile/host-traits.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import { UserMemory } from "../profile/user-memory.ts";
import { ContextState } from "../state.ts";
import type { Fields } from "./fields.ts";

const BATCH_EVENTS = 256;
const NO_ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };

/** `Environment` while a replay changes it. */
interface Surroundings extends Environment {
  memory: UserMemory;
  memlockBytes: bigint | null;
  canLockMemory: boolean;
  canSetLimits: boolean;
  readonly devices: Map<DeviceName, DeviceTraits>;
  readonly pins: Map<string, AccessPin>;
}

export class Replay {
  readonly state = new ContextState();
  readonly profile: KernelProfile;
  readonly environment: Surroundings;
  /** The IOMMU of the self-test's devices. */
  readonly mock: DeviceTraits;
  /** The IOMMU of the real devices, where there are any. */
  readonly host: HostTraits | null;
  /** Mock devices made so far: the next one's number. */
  mockDevices = 0;
  #batch = new EventBatch(1, 1, BATCH_EVENTS);

  constructor(meta: Fields, profile: KernelProfile, host: HostTraits | null) {
    this.profile = profile;
    this.host = host;
    this.mock = {
      pageSize: BigInt(meta.number("mock_io_page_size")),
      aperture: range(meta.u64("mock_aperture_start"), meta.u64("mock_aperture_last")),
      reserved: [],
      canTrackDirty: true,
    };
    this.environment = {
      pageSize: BigInt(meta.number("page_size")),
      hugePageSize: meta.u64("hpage_size"),
      memory: UserMemory.of(meta.u64("va_base"), meta.u64("buf_size")),
      memlockBytes: null,
      canLockMemory: true,
      canSetLimits: true,
      devices: new Map(),
      pins: new Map(),
    };
  }

  /** Folds `events`. What an unmap takes, an access no longer pins. */
  apply(events: readonly IoasEvent[]): void {
    for (const event of events) {
      if (this.#batch.isFull) this.#batch = new EventBatch(1, this.state.version + 1, BATCH_EVENTS);
      const row = this.#batch.length;
      this.#batch.push(event, NO_ENVELOPE);
      applyBatch(this.state, this.#batch, row, row + 1);
      if (event.type === "IovaUnmapped") this.#unpin(event.ioas, event.iova, event.last);
    }
  }

  #unpin(ioas: IoasHandle, first: bigint, last: bigint): void {
    const { pins } = this.environment;
    for (const [name, pin] of pins) if (pin.ioas === ioas && pin.first <= last && pin.last >= first) pins.delete(name);
  }
}

function range(first: bigint, last: bigint): DeviceTraits["aperture"] {
  return { first: iova(first), last: iova(last) };
}
