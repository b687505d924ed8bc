/** A state that commands change, with the machine of the recordings around it: for tests. */
import { type Iova, iova } from "../../address.ts";
import type { Command } from "../../commands.ts";
import { EventBatch } from "../../event-batch.ts";
import type { IoasEvent } from "../../events.ts";
import { applyBatch } from "../../evolve.ts";
import type { DeviceTraits, Environment } from "../../profile/environment.ts";
import { kernelProfile } from "../../profile/kernel-profile.ts";
import { mockTraits } from "../../profile/mock-traits.ts";
import { UserMemory } from "../../profile/user-memory.ts";
import { ContextState } from "../../state.ts";
import { decide } from "../decide.ts";
import type { Outcome } from "../outcome.ts";

/** The user buffer: 64 MiB at 2^44. */
export const VA = 0x1000_0000_0000n;
export const BUFFER_BYTES = 0x400_0000n;
export const PAGE = 0x1000n;

export const MOCK: DeviceTraits = mockTraits(
  { pageSize: 0x800n, aperture: { first: iova(0x100_0000n), last: iova(0x7fff_ffffn) } },
  0,
  kernelProfile("6.12"),
);

const ENVIRONMENT: Environment = {
  pageSize: PAGE,
  hugePageSize: 0x20_0000n,
  memory: UserMemory.of(VA, BUFFER_BYTES),
  memlockBytes: null,
  canLockMemory: true,
  lockedUpTo: 0,
  canSetLimits: true,
  devices: new Map([["dev0", MOCK]]),
  pins: new Map(),
  pinsMade: new Map(),
  copies: new Map(),
  files: new Map(),
  dirty: new Map(),
  deviceFiles: new Map(),
};

export class Model {
  readonly state = new ContextState();
  environment: Environment;
  readonly profile: ReturnType<typeof kernelProfile>;

  constructor(environment: Partial<Environment> = {}, kernel = "6.12") {
    this.environment = { ...ENVIRONMENT, ...environment };
    this.profile = kernelProfile(kernel);
  }

  /** What the command would come to; nothing changes. */
  ask(command: Command): Outcome<unknown> {
    return decide(this.state, command, this.profile, this.environment);
  }

  /** Decides and folds. */
  run(command: Command): Outcome<unknown> {
    const outcome = this.ask(command);
    this.fold(outcome.events);
    return outcome;
  }

  fold(events: readonly IoasEvent[]): void {
    const batch = new EventBatch(1, this.state.version + 1, events.length);
    for (const event of events) batch.push(event, { stamp: null, actor: null, errno: null, line: 0 });
    applyBatch(this.state, batch);
  }

  /** A new ioas; its id. */
  alloc(): number {
    const { out } = this.run({ command: "AllocIoas", flags: 0 });
    return (out as { readonly ioasId: number }).ioasId;
  }

  /** A fixed readable and writeable map, unless `flags` says otherwise. */
  map(ioasId: number, first: bigint, length: bigint, va = VA, flags = 7): Outcome<unknown> {
    return this.run({ command: "MapIova", ioasId, flags, userVa: va, length, iova: first });
  }

  unmap(ioasId: number, first: bigint, length: bigint): Outcome<unknown> {
    return this.run({ command: "UnmapIova", ioasId, iova: first, length });
  }

  attach(ioasId: number, device = "dev0", traits = MOCK): Outcome<unknown> {
    return this.run({ command: "CreateMockDevice", device, deviceFlags: 0, traits, ptId: ioasId });
  }

  reserve(ioasId: number, first: bigint, length: bigint): Outcome<unknown> {
    return this.run({ command: "ReserveIova", ioasId, iova: first, length });
  }

  allow(ioasId: number, ...ranges: readonly (readonly [bigint, bigint])[]): Outcome<unknown> {
    return this.run({ command: "AllowIovas", ioasId, ranges });
  }

  /** [first, last] of every area of the space `handle`. */
  areas(handle = 0): (readonly [Iova, Iova])[] {
    return [...this.state.space(handle).areas.all()].map(({ iova: first, last }) => [first, last] as const);
  }
}

/**
 * Rows of a command's order of checks: each row is the command with one more thing put right than
 * the row above, and fails for the reason that it names.
 */
export type Row<C> = readonly [rule: string, errno: string, command: C];
