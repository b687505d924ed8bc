/**
 * tce_iommu_build and tce_iommu_build_v2: page by page, each replaces what is there. A page that fails ends the
 * call, and the pages before it are cleared, whatever they held before the call.
 */
import type { Refusal } from "../decide/outcome.ts";
import type { MapDma } from "./commands.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { SpaprEvent } from "./events.ts";
import { PAST_TABLE_END, PAST_WINDOW_END, PAST_WINDOW_END_OOPS } from "./kernel-bugs.ts";
import { done, type Nothing, refusedBy, type SpaprOutcome, suspect } from "./outcome.ts";
import { pinnablePages } from "./pinning.ts";
import type { Driver, SpaprState, WindowShape } from "./state.ts";

const NOT_REGISTERED: Refusal = {
  errno: "EINVAL",
  rule: "tce_iommu_prereg_ua_to_hpa: a page lies not in one registered region of pages that large",
};
const NOT_PINNABLE: Refusal = { errno: "EFAULT", rule: "tce_iommu_use_page: a page cannot be pinned for writing" };
const H_PARAMETER: Refusal = {
  errno: "EINTR",
  rule: "tce_exchange_pseries: H_PARAMETER (-4) of the firmware for a page past its window",
};

export interface Build {
  readonly command: MapDma;
  readonly slot: number;
  readonly window: WindowShape;
  readonly driver: Driver;
  readonly container: number;
}

export function buildTces(state: SpaprState, build: Build, environment: SpaprEnvironment): SpaprOutcome<Nothing> {
  const { command, window, driver } = build;
  const shift = BigInt(window.pageShift);
  const entry = Number((command.iova - window.start) >> shift);
  const pages = Number(command.size >> shift);
  const isV2 = driver.version === 2;
  const usable = isV2 ? registeredPages(state, command, window) : writablePages(command, window, environment);
  const unusable = isV2 ? NOT_REGISTERED : NOT_PINNABLE;
  if (environment.platform.machine === "powernv") {
    if (usable < pages) return refusedBy(unusable, cleared(build, Math.min(usable, window.entries - entry)));
    if (entry + pages <= window.entries) return done({}, set(build, pages));
    const events: SpaprEvent[] = [...set(build, window.entries - entry), { type: "MemoryCorrupted" }];
    return suspect(done({}, events), PAST_TABLE_END);
  }
  const translated = window.firmwareEntries - entry;
  const roomy = isV2 ? window.viewEntries - entry : Number.POSITIVE_INFINITY;
  const stop = Math.min(usable, translated, roomy);
  const bug = isV2 && stop > window.entries - entry ? PAST_WINDOW_END : null;
  if (stop >= pages)
    return suspect(done({}, set(build, pages)), entry + pages > window.entries ? PAST_WINDOW_END : null);
  if (stop === usable) return suspect(refusedBy(unusable, cleared(build, stop)), bug);
  if (stop === roomy) return suspect(done({}, set(build, stop)), PAST_WINDOW_END_OOPS);
  if (!isV2) return refusedBy(H_PARAMETER, cleared(build, stop));
  // The user address of the page is not known yet: whose count to take back is looked up by 0.
  const leak: SpaprEvent = { type: "UseCountLeaked", va: command.userVa + (BigInt(stop) << shift) };
  return suspect(refusedBy(H_PARAMETER, [...cleared(build, stop), leak]), PAST_WINDOW_END);
}

function cleared(build: Build, pages: number): SpaprEvent[] {
  return pages === 0 ? [] : [{ type: "TcesCleared", ...rangeOf(build, pages) }];
}

function set(build: Build, pages: number): SpaprEvent[] {
  const { userVa: va, flags } = build.command;
  return pages === 0 ? [] : [{ type: "TcesSet", ...rangeOf(build, pages), va, flags }];
}

function rangeOf({ command, container, slot, window }: Build, pages: number) {
  const first = command.iova;
  return { container, slot, first, last: first + (BigInt(pages) << BigInt(window.pageShift)) - 1n };
}

/** v2: leading pages (of the call, and maybe of what follows) that each lie in one region whose pages are large enough. */
function registeredPages({ regions }: SpaprState, { userVa, size }: MapDma, { pageShift }: WindowShape): number {
  const shift = BigInt(pageShift);
  const end = userVa + size;
  let next = userVa;
  while (next < end) {
    const region = regions.holding(next, 1n << shift);
    if (region === null || region.pageShift < pageShift) break;
    const inside = (region.va + region.length - next) >> shift;
    next += inside << shift;
  }
  return Number((next - userVa) >> shift);
}

/** v1: leading pages of the window, which are never larger than the kernel's. */
function writablePages(
  { userVa, size }: MapDma,
  { pageShift }: WindowShape,
  { memory, platform }: SpaprEnvironment,
): number {
  const kernelPage = 1n << BigInt(platform.pageShift);
  const start = userVa & ~(kernelPage - 1n);
  const count = Number((userVa + size - start + kernelPage - 1n) / kernelPage);
  const bytes = BigInt(pinnablePages(memory, start, count, platform.pageShift)) * kernelPage - (userVa - start);
  if (bytes <= 0n) return 0;
  return Number((bytes < size ? bytes : size) >> BigInt(pageShift));
}
