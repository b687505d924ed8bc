/** VFIO's sPAPR TCE containers in the engine and in the naive model, side by side. */
import {
  applySpapr,
  decideSpapr,
  type SpaprEnvironment,
  SpaprState,
  spaprPeTraits,
  spaprPlatformOf,
  translateSpapr,
  UserMemory,
} from "@ioasis/core";
import type { Campaign, Pair } from "./campaign.ts";
import type { Random } from "./random.ts";
import { HUGE_SHIFT, type NaiveHost, NaiveSpapr, type Step, type Window } from "./spapr-model.ts";
import { HUGE_BYTES, ORDINARY_BYTES, proposeSpapr, VA } from "./spapr-steps.ts";

const LIMIT_PAGES = 700n;
const RELEASES = ["6.12", "7.3"] as const;

function hostOf(variant: number): NaiveHost {
  const machine = variant % 2 === 0 ? "pseries" : "powernv";
  return {
    machine,
    pageShift: (variant >> 1) % 3 === 0 ? 12 : 16,
    unmapChecksLastPage: (variant >> 3) % 2 === 1,
    limitPages: LIMIT_PAGES,
    peOf: (pe) => spaprPeTraits(machine, pe),
  };
}

export const spapr: Campaign<Step> = {
  name: "spapr",
  begin(variant): Pair<Step> {
    const host = hostOf(variant);
    const naive = new NaiveSpapr(host);
    const shift = BigInt(host.pageShift);
    const [from, huge, to] = [VA, VA + ORDINARY_BYTES, VA + ORDINARY_BYTES + HUGE_BYTES];
    for (let page = from >> shift; page < to >> shift; page++) naive.memory.set(page, "write");
    naive.huge = [huge >> shift, to >> shift];
    const state = new SpaprState();
    let environment = environmentOf(host);
    const change = (memory: UserMemory, canLockMemory = environment.canLockMemory): readonly unknown[] => {
      environment = { ...environment, memory, canLockMemory };
      return [null, 0];
    };
    const engine = (step: Step): readonly unknown[] => {
      const { memory } = environment;
      switch (step.command) {
        case "Munmap":
          return change(memory.without(step.page << shift, 1n << shift));
        case "Mprotect":
          return change(memory.protected(step.page << shift, 1n << shift, step.isWritable ? 3 : 1));
        case "DropLock":
          return change(memory, false);
        case "Probe": {
          const found = translateSpapr(state, step.device, step.iova);
          const flags = (found?.isReadable === true ? 1 : 0) + (found?.isWritable === true ? 2 : 0);
          return [null, 0, found === null ? "nothing" : `${found.va} ${flags}`];
        }
        default: {
          const { errno, returned, events, out, bug } = decideSpapr(state, step as never, environment);
          for (const event of events) applySpapr(state, event, host.pageShift);
          if (bug !== null && !bug.isPredictable) return [bug.name, 0];
          return out === null ? [errno, returned] : [errno, returned, ...told(step, out)];
        }
      }
    };
    return {
      propose: (random: Random) => proposeSpapr(random, naive),
      play: (step) => {
        const [expected, got] = [naive.run(step), engine(step)];
        const isSame = expected.length === got.length && expected.every((value, i) => value === got[i]);
        if (isSame) return null;
        return `${step.command}: the naive model says ${expected.join(" ")}, the engine ${got.join(" ")}`;
      },
      compareAll: () => compare(naive, state),
    };
  },
};

function environmentOf({ machine, pageShift, unmapChecksLastPage, limitPages, peOf }: NaiveHost): SpaprEnvironment {
  return {
    platform: spaprPlatformOf(machine, RELEASES[unmapChecksLastPage ? 1 : 0], 1 << pageShift),
    peOf,
    memory: UserMemory.of(VA, ORDINARY_BYTES + HUGE_BYTES),
    hugePages: { first: VA + ORDINARY_BYTES, last: VA + ORDINARY_BYTES + HUGE_BYTES - 1n, pageShift: HUGE_SHIFT },
    memlockBytes: limitPages << BigInt(pageShift),
    canLockMemory: true,
  };
}

/** What the kernel writes, as the naive model tells it. */
function told(step: Step, out: unknown): unknown[] {
  if (step.command !== "QueryTceInfo") return Object.values(out as object);
  const { flags, dma32Start, dma32Size, dynamic } = out as {
    flags: number;
    dma32Start: bigint;
    dma32Size: bigint;
    dynamic: { pageSizes: bigint; windowsMax: number; levels: number } | null;
  };
  const rest = dynamic === null ? "untouched" : `${dynamic.pageSizes} ${dynamic.windowsMax} ${dynamic.levels}`;
  return [flags, dma32Start, dma32Size, rest];
}

/** All regions with their counts, what is locked, and every TCE of every window. */
function compare(naive: NaiveSpapr, state: SpaprState): string | null {
  if (naive.locked !== state.lockedPages)
    return `locked pages: the naive model has ${naive.locked}, the engine ${state.lockedPages}`;
  for (const { va, size, shift, used, mapped } of naive.regions) {
    const other = state.regions.exact(va, size);
    const got = other === null ? "none" : `${other.pageShift} ${other.used} ${other.mapped}`;
    if (got !== `${shift} ${used} ${mapped}`)
      return `region ${va} + ${size}: the naive model has ${shift} ${used} ${mapped}, the engine ${got}`;
  }
  if (naive.regions.length !== state.regions.size)
    return `regions: the naive model has ${naive.regions.length}, the engine ${state.regions.size}`;
  for (const [handle, { driver }] of naive.containers.entries()) {
    const other = state.containers[handle]?.driver ?? null;
    if ((driver === null) !== (other === null)) return `container ${handle}: only one model has a driver`;
    for (const [slot, window] of driver?.windows.entries() ?? []) {
      const there = other?.windows[slot] ?? null;
      const [expected, got] = [naiveText(window), there === null ? "none" : windowText(there)];
      if (expected !== got) return `window ${slot} of c${handle}: the naive model has ${expected}, the engine ${got}`;
    }
  }
  return null;
}

function naiveText(window: Window | null): string {
  if (window === null) return "none";
  const tces = [...window.tces].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = tces.map(([entry, { va, flags }]) => `${entry}:${va}:${flags}`);
  return `${window.start} ${window.shift} ${window.entries} ${window.charged} ${text.join()}`;
}

function windowText(window: NonNullable<SpaprState["containers"][number]["driver"]>["windows"][number]): string {
  if (window === null) return "none";
  const text: string[] = [];
  const shift = BigInt(window.pageShift);
  for (const { iova, last, prot, source } of window.table.all()) {
    if (source.kind !== "va") continue;
    const flags = (prot.includes("r") ? 1 : 0) + (prot.includes("w") ? 2 : 0);
    for (let at: bigint = iova; at <= last; at += 1n << shift)
      text.push(`${(at - window.start) >> shift}:${source.va + (at - iova)}:${flags}`);
  }
  return `${window.start} ${window.pageShift} ${window.entries} ${window.chargedPages} ${text.join()}`;
}
