/** What decides the outcome of a call beside the state and the call itself: the host, and who calls. */
import type { DriverPolicy } from "../policy/driver-policy.ts";
import type { UserMemory } from "../profile/user-memory.ts";
import type { PeTraits, Platform } from "./platform.ts";

/** Number of a PE; groups are opened by it. */
export type PeNumber = number;

/** User addresses that hugetlbfs backs; `last` included. */
export interface HugePages {
  readonly first: bigint;
  readonly last: bigint;
  readonly pageShift: number;
}

export interface SpaprEnvironment {
  readonly platform: Platform;
  readonly peOf: (number: PeNumber) => PeTraits;
  readonly memory: UserMemory;
  readonly hugePages: HugePages | null;
  /** RLIMIT_MEMLOCK in bytes; null: unlimited. */
  readonly memlockBytes: bigint | null;
  /** CAP_IPC_LOCK: the limit does not count. */
  readonly canLockMemory: boolean;
  /** What the context is held to beside the driver's own rules; left out: nothing. */
  readonly policy?: DriverPolicy | null;
}
