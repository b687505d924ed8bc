/**
 * The first address of the 2021 discussion: `[base, size]` asked for when a space is made. No kernel took it as an
 * argument; what each has instead, and whether it comes to the same. Arithmetic is exact; nothing is rounded silently.
 */
import { hex, type Iova, U64_MAX } from "../address.ts";
import type { AllocIoas, AllowIovas } from "../commands.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { Range } from "../range.ts";
import type { CreateWindow } from "../spapr/commands.ts";
import { decideSpapr } from "../spapr/decide.ts";
import type { SpaprEnvironment } from "../spapr/environment.ts";
import type { SpaprState } from "../spapr/state.ts";
import { isInside } from "./territory.ts";

/** `length` bytes from `base`. */
export interface AskedRange {
  readonly base: bigint;
  readonly length: bigint;
}

const EMPTY: Refusal = { errno: "EINVAL", rule: "base and length: no bytes" };
const WRAPS: Refusal = { errno: "EOVERFLOW", rule: "base and length: the range wraps" };
const ONE_BYTE: Refusal = { errno: "EINVAL", rule: "iommufd_ioas_load_iovas: not longer than one byte" };
const SEVERAL: Refusal = { errno: "EINVAL", rule: "one base and length stands for one allowed range" };

/** `[base, base + length - 1]`, or why there is none. */
export function rangeAsked({ base, length }: AskedRange): Range | Refusal {
  if (length === 0n) return EMPTY;
  if (base + length - 1n > U64_MAX) return WRAPS;
  return { first: base as Iova, last: (base + length - 1n) as Iova };
}

/** iommufd: the two calls of it, the second on the ioas that the first makes. */
export function asAllowedRange(
  asked: AskedRange,
  ioasId: number,
): readonly [alloc: AllocIoas, allow: AllowIovas] | Refusal {
  const range = rangeAsked(asked);
  if ("errno" in range) return range;
  if (range.first === range.last) return ONE_BYTE;
  return [
    { command: "AllocIoas", flags: 0 },
    { command: "AllowIovas", ioasId, ranges: [[range.first, range.last]] },
  ];
}

/** The way back: an allowed list of one range is a base and a length; of none or several it is not. */
export function asAskedRange(allowed: readonly Range[]): AskedRange | Refusal {
  const [range, ...others] = allowed;
  if (range === undefined || others.length > 0) return SEVERAL;
  return { base: range.first, length: range.last - range.first + 1n };
}

/** type1 makes no claim: the range is checked against what its container can map now, and a later attach may narrow it. */
export function checkOnType1(asked: AskedRange, iovas: readonly Range[]): Range | Refusal {
  const range = rangeAsked(asked);
  if ("errno" in range || iovas.length === 0 || isInside(iovas, range.first, range.last)) return range;
  return {
    errno: "EINVAL",
    rule: `vfio_iommu_iova_dma_valid: ${hex(range.first)}-${hex(range.last)} is not in one range`,
  };
}

export interface WindowPlace {
  readonly container: number;
  readonly pageShift: number;
  readonly levels: number;
}

/**
 * sPAPR v2: the TCE_CREATE whose window holds the range. The platform picks where a window starts (0 or 2^59), so it
 * is asked; a window's size is a power of two. Nothing changes: the call is the caller's to make.
 */
export function asWindow(
  state: SpaprState,
  environment: SpaprEnvironment,
  asked: AskedRange,
  place: WindowPlace,
): CreateWindow | Refusal {
  const range = rangeAsked(asked);
  if ("errno" in range) return range;
  let size = powerOfTwo(asked.length);
  // A larger window may start elsewhere: then what it must span is counted from there.
  for (let attempts = 0; attempts < 3 && size <= U64_MAX; attempts++) {
    const call: CreateWindow = { command: "CreateWindow", ...place, size, flags: 0 };
    const { errno, rule, out } = decideSpapr(state, call, environment);
    if (errno !== null || out === null) return { errno: errno ?? "UNKNOWN", rule: rule ?? "the window is refused" };
    if (range.first < out.start) return startsAt(out.start, "above");
    if (range.last < out.start + size) return call;
    size = powerOfTwo(range.last - out.start + 1n);
  }
  return { errno: "EINVAL", rule: "no window of a power of two from where the platform starts it reaches the range" };
}

function startsAt(start: bigint, where: string): Refusal {
  return {
    errno: "EINVAL",
    rule: `tce_iommu_create_window: the platform starts the window at ${hex(start)}, ${where} the base`,
  };
}

/** The smallest power of two that is not below `value`, which is above 0. */
function powerOfTwo(value: bigint): bigint {
  return value === 1n ? 1n : 1n << BigInt((value - 1n).toString(2).length);
}
