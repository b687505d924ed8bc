/** mm->locked_vm (mm/util.c account_locked_vm): pages of the kernel that a process is charged with. */
import type { Refusal } from "../decide/outcome.ts";
import type { SpaprEnvironment } from "./environment.ts";

const LIMIT: Refusal = { errno: "ENOMEM", rule: "account_locked_vm: over RLIMIT_MEMLOCK" };

/** Null when `pages` more may be charged. */
export function chargeRefusal(locked: bigint, pages: bigint, environment: SpaprEnvironment): Refusal | null {
  const { memlockBytes, canLockMemory, platform } = environment;
  if (pages === 0n || canLockMemory || memlockBytes === null) return null;
  return locked + pages > memlockBytes >> BigInt(platform.pageShift) ? LIMIT : null;
}
