/** Operations on the process around the calls: its memory, its limits, its files. */
import type { Errno } from "../errno.ts";
import { type Answer, type Checked, NOTHING } from "./operation.ts";
import { countHandle, handleNumber, outOf } from "./recorded.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";

/** One of them: what it comes to, and what it changes whether the model agrees or not. */
function environmentOperation(
  errnoOf: (step: Step, replay: Replay) => Errno | null,
  change: (step: Step, replay: Replay) => void,
): Checked {
  return {
    decide(step, replay): Answer {
      const errno = errnoOf(step, replay);
      return { errno, out: {}, events: [], ...(errno === null ? { remember: () => change(step, replay) } : {}) };
    },
    follow(step, replay) {
      change(step, replay);
      return [];
    },
  };
}

/** munmap(2): whole pages, and some. */
export const munmap = environmentOperation(
  ({ in: given }, { environment }) =>
    given.u64("va") % environment.pageSize !== 0n || given.u64("length") === 0n ? "EINVAL" : null,
  ({ in: given }, { environment }) => {
    environment.memory = environment.memory.without(given.u64("va"), wholePages(given.u64("length"), environment));
  },
);

/** mprotect(2): whole pages, all of them mapped. */
export const mprotect = environmentOperation(
  ({ in: given }, { environment }) => {
    const va = given.u64("va");
    if (va % environment.pageSize !== 0n) return "EINVAL";
    const length = wholePages(given.u64("length"), environment);
    return length === 0n || environment.memory.isMapped(va, va + length - 1n) ? null : "ENOMEM";
  },
  ({ in: given }, { environment }) => {
    const length = wholePages(given.u64("length"), environment);
    environment.memory = environment.memory.protected(given.u64("va"), length, given.number("prot"));
  },
);

/** setrlimit(2): nobody raises his limit without CAP_SYS_RESOURCE. */
export const rlimitMemlock = environmentOperation(
  ({ in: given }, { environment: { canSetLimits, memlockBytes } }) =>
    !canSetLimits && memlockBytes !== null && given.u64("bytes") > memlockBytes ? "EPERM" : null,
  ({ in: given }, { environment }) => {
    environment.memlockBytes = given.u64("bytes");
  },
);

/** What was mapped with CAP_IPC_LOCK stays uncharged. */
export const dropCapabilities = environmentOperation(
  () => null,
  (_step, { environment, state }) => {
    if (environment.canLockMemory) environment.lockedUpTo = state.version;
    environment.canLockMemory = false;
    environment.canSetLimits = false;
  },
);

export const memfd: Checked = {
  decide: (_step, replay) => ({ errno: null, out: { memfd: replay.nextHandle("memfd") }, events: [] }),
  follow: NOTHING,
};

export function rememberFile(step: Step, replay: Replay): void {
  countHandle(step, replay, "memfd");
  replay.environment.files.set(handleNumber(outOf(step).text("memfd")), step.in.u64("size"));
}

function wholePages(length: bigint, { pageSize }: Replay["environment"]): bigint {
  return (length + pageSize - 1n) & -pageSize;
}
