/**
 * The second address of the 2021 discussion: a base given when a device is attached. It selects one of the device's
 * address spaces, as a PASID does, and is never added to an IOVA; on ppc it is the start of a window and what is
 * mapped are offsets on it. Kernels have PASIDs (iommufd) and absolute bus addresses (sPAPR) instead.
 */
import { hex, U64_MAX } from "../address.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { ProfileName } from "../fact.ts";
import type { Range } from "../range.ts";

/** PASIDs have 20 bits: as the highest of 64 they leave a space of 2^44 bytes to each, and base 0 to the device itself. */
const PASID_BITS = 20n;
const SELECTOR_SHIFT = 64n - PASID_BITS;
const PASID_MAX = (1 << Number(PASID_BITS)) - 1;

/** null: the device without a PASID. */
export type Selector = number | null;

/** The attach base that stands for a PASID. PASID 0 is not given out: IOMMU_NO_PASID is the device itself. */
export function baseOfPasid(pasid: Selector): bigint | Refusal {
  if (pasid === null) return 0n;
  if (Number.isInteger(pasid) && 0 < pasid && pasid <= PASID_MAX) return BigInt(pasid) << SELECTOR_SHIFT;
  return { errno: "EINVAL", rule: `a PASID is 1 to ${PASID_MAX}` };
}

/** The PASID that an attach base stands for, null for 0. */
export function pasidOfBase(base: bigint): { readonly pasid: Selector } | Refusal {
  if (base < 0n || base > U64_MAX) return { errno: "EOVERFLOW", rule: "an attach base has 64 bits" };
  if ((base & ((1n << SELECTOR_SHIFT) - 1n)) !== 0n)
    return {
      errno: "EINVAL",
      rule: `an attach base selects a space: a multiple of ${hex(1n << SELECTOR_SHIFT)}, not an offset`,
    };
  return { pasid: base === 0n ? null : Number(base >> SELECTOR_SHIFT) };
}

/** How a base at attach is realised, or why it cannot be. */
export type AttachBase =
  | { readonly kind: "pasid"; readonly pasid: Selector }
  | { readonly kind: "window"; readonly window: Range };

const ONE_SPACE: Refusal = {
  errno: "EOPNOTSUPP",
  rule: "vfio_iommu_type1: a container is one address space, and an attach names no other",
};

/** @param windows of the context, ascending; sPAPR only */
export function attachBase(profile: ProfileName, base: bigint, windows: readonly Range[]): AttachBase | Refusal {
  if (profile === "iommufd") {
    const found = pasidOfBase(base);
    return "errno" in found ? found : { kind: "pasid", pasid: found.pasid };
  }
  if (profile !== "spapr-tce" && profile !== "spapr-tce-v2") return ONE_SPACE;
  const window = windows.find(({ first }) => first === base);
  return window === undefined ? noWindow(base) : { kind: "window", window };
}

/** The absolute bus address of a byte of the window that starts at `base`. */
export function busOfOffset(
  windows: readonly Range[],
  base: bigint,
  offset: bigint,
): { readonly bus: bigint } | Refusal {
  const window = windows.find(({ first }) => first === base);
  if (window === undefined) return noWindow(base);
  if (offset < 0n || base + offset > U64_MAX) return { errno: "EOVERFLOW", rule: "base + offset wraps" };
  if (base + offset > window.last)
    return {
      errno: "ENXIO",
      rule: `tce_iommu_find_table: ${hex(offset)} is past the window, which ends at ${hex(window.last)}`,
    };
  return { bus: base + offset };
}

/** Which window a bus address lies in, and where in it. Windows never overlap (two tables, tce_iommu_find_table). */
export function offsetOfBus(
  windows: readonly Range[],
  bus: bigint,
): { readonly base: bigint; readonly offset: bigint } | Refusal {
  const found = windows.filter(({ first, last }) => first <= bus && bus <= last);
  const [window] = found;
  if (window === undefined) return { errno: "ENXIO", rule: `tce_iommu_find_table: no window holds ${hex(bus)}` };
  if (found.length > 1) return { errno: "EINVAL", rule: `two windows hold ${hex(bus)}: no offset tells them apart` };
  return { base: window.first, offset: bus - window.first };
}

/** A range of bus addresses as an offset: it must lie in one window. */
export function offsetOfBusRange(
  windows: readonly Range[],
  { first, last }: Range,
): { readonly base: bigint; readonly offset: bigint; readonly length: bigint } | Refusal {
  const start = offsetOfBus(windows, first);
  if ("errno" in start) return start;
  const end = offsetOfBus(windows, last);
  if ("errno" in end) return end;
  if (end.base !== start.base) return { errno: "EINVAL", rule: "the range begins in one window and ends in another" };
  return { ...start, length: last - first + 1n };
}

function noWindow(base: bigint): Refusal {
  return { errno: "ENXIO", rule: `no window starts at ${hex(base)}` };
}
