/**
 * A model as plain values: its projection, and what its driver remembers beside it. A model made of both answers as
 * the one that was saved. What is kept only to be fast (the pin ledger) and what follows from the setup (the machine,
 * the rules of a policy) is not in it.
 */
import type { AreaTable } from "../area-table.ts";
import { IoasisError } from "../failure.ts";
import type { ContextState } from "../state.ts";
import type { GroupFile } from "./compat-files.ts";
import type { SavedSpapr } from "./spapr-saved.ts";
import type { SavedType1 } from "./type1-saved.ts";

/**
 * `state`, `tables`: the model's own. They are good until it goes on.
 * `tables`: of areas, as many as the driver's record has places for, in its order.
 */
export interface SavedModel {
  readonly state: ContextState;
  readonly driver: SavedDriver;
  readonly tables: readonly AreaTable[];
}

export type SavedDriver = SavedIommufd | SavedCompat | SavedType1 | SavedSpapr | { readonly kind: "virtio-iommu" };

/** Of areas made by COPY: the version, the version of the MAP whose pages they share, how many pieces of them are left. */
export type SavedCopy = readonly [version: number, map: number, pieces: number];

export interface SavedPages {
  readonly copies: readonly SavedCopy[];
  /** The maps whose pages the next areas share. */
  readonly shared: readonly (number | null)[];
}

export interface SavedIommufd extends SavedPages {
  readonly kind: "iommufd";
}

export interface SavedCompat extends SavedPages {
  readonly kind: "iommufd-vfio-compat";
  readonly groups: readonly (GroupFile | null)[];
  readonly devices: readonly (string | null)[];
}

/** The data of a class as a record holds it: maps as lists of entries, sets as lists, in their order. */
export type Plain<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? never : K]: PlainValue<T[K]>;
};
type PlainValue<T> =
  T extends ReadonlyMap<infer K, infer V>
    ? readonly (readonly [K, V])[]
    : T extends ReadonlySet<infer V>
      ? readonly V[]
      : T;

/** @throws IoasisError ERR_BLOCK: a model of another driver */
export function savedDriver<Kind extends SavedDriver["kind"]>(
  { driver }: SavedModel,
  kind: Kind,
): Extract<SavedDriver, { readonly kind: Kind }> {
  if (driver.kind === kind) return driver as Extract<SavedDriver, { readonly kind: Kind }>;
  throw new IoasisError("ERR_BLOCK", `a saved model of ${driver.kind} in the place of one of ${kind}`);
}
