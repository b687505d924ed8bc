/** The objects of one fd: one xarray for all types (main.c: _iommufd_object_alloc, iommufd_get_object). */
import type { DeviceName, HwptHandle } from "../events.ts";
import type { ContextState, Hwpt, IommufdObject, Space } from "../state.ts";
import type { Refusal } from "./outcome.ts";

export type KernelObject =
  | { readonly kind: "ioas"; readonly space: Space }
  | { readonly kind: "hwpt"; readonly hwpt: Hwpt }
  | { readonly kind: "device"; readonly device: DeviceName }
  | { readonly kind: "selftest"; readonly device: DeviceName }
  | { readonly kind: "access"; readonly access: string }
  | { readonly kind: "other"; readonly id: number; readonly object: IommufdObject };

/** The living object with this id, or null. */
export function objectOf(state: ContextState, id: number): KernelObject | null {
  const space = state.spaceOfKernelId(id);
  if (space !== null) return { kind: "ioas", space };
  const hwpt = state.hwptOfKernelId(id);
  if (hwpt !== null) return { kind: "hwpt", hwpt };
  for (const [device, { kernelId, objectId }] of state.devices) {
    if (kernelId === id) return { kind: "device", device };
    if (objectId === id) return { kind: "selftest", device };
  }
  for (const [access, { kernelId }] of state.accesses) if (kernelId === id) return { kind: "access", access };
  const object = state.objects.get(id);
  return object === undefined || object.kind === "leaked" ? null : { kind: "other", id, object };
}

export const NO_IOAS: Refusal = { errno: "ENOENT", rule: "iommufd_get_ioas: no ioas has this id" };

/** The living ioas with this id; null for any other object. */
export function ioasOf(state: ContextState, id: number): Space | null {
  return state.spaceOfKernelId(id);
}

export const NO_VIOMMU: Refusal = { errno: "ENOENT", rule: "iommufd_get_viommu: no vIOMMU has this id" };
export const NO_DEVICE: Refusal = { errno: "ENOENT", rule: "iommufd_get_device: no bound device has this id" };

export const NO_PAGING_HWPT: Refusal = {
  errno: "ENOENT",
  rule: "iommufd_get_hwpt_paging: no paging table has this id",
};

/** The living page table with this id that holds the mappings of an ioas; null for any other object. */
export function pagingHwptOf(state: ContextState, id: number): Hwpt | null {
  const hwpt = state.hwptOfKernelId(id);
  return hwpt?.parent === null ? hwpt : null;
}

/** Hands out ids as the xarray does: the lowest free one first, from 1. */
export class FreeIds {
  readonly #used: ReadonlySet<number>;
  #next = 1;

  constructor(state: ContextState) {
    this.#used = usedIds(state);
  }

  take(): number {
    while (this.#used.has(this.#next)) this.#next++;
    return this.#next++;
  }
}

export function hasObjects(state: ContextState): boolean {
  return usedIds(state).size > 0;
}

/** The page tables that hold the mappings of `space` (not the nested ones), oldest first. */
export function pageTablesOf(state: ContextState, space: Space): readonly Hwpt[] {
  return state.pageTablesOf(space.handle);
}

export function isIoasUsed(state: ContextState, space: Space): boolean {
  if (pageTablesOf(state, space).length > 0) return true;
  for (const { ioas } of state.accesses.values()) if (ioas === space.handle) return true;
  return false;
}

export function isHwptUsed(state: ContextState, handle: HwptHandle): boolean {
  if ([...state.attachments.values()].some(({ hwpt }) => hwpt === handle)) return true;
  if (state.liveHwpts.some((hwpt) => hwpt.parent === handle)) return true;
  return [...state.objects.values()].some((object) => object.kind === "viommu" && object.hwpt === handle);
}

function usedIds(state: ContextState): ReadonlySet<number> {
  const used = new Set<number>();
  const add = (id: number | null) => id !== null && used.add(id);
  for (const space of state.liveSpaces) add(space.kernelId);
  for (const hwpt of state.liveHwpts) add(hwpt.kernelId);
  for (const { kernelId, objectId } of state.devices.values()) {
    add(kernelId);
    add(objectId);
  }
  for (const { kernelId } of state.accesses.values()) add(kernelId);
  for (const id of state.objects.keys()) add(id);
  return used;
}
