/** What a device reaches: the real translation of a bus address. */
import type { Area } from "../area.ts";
import type { SpaprState } from "./state.ts";

export interface Translation {
  readonly va: bigint;
  readonly isReadable: boolean;
  readonly isWritable: boolean;
}

/** Null: the address is in no window of the device's PE, or no TCE is set there. */
export function translate(state: SpaprState, device: number, iova: bigint): Translation | null {
  const group = state.groups[state.devices[device]?.group ?? -1];
  const container = group === undefined || group.container === null ? undefined : state.containers[group.container];
  if (group === undefined || container === undefined || container.driver === null) return null;
  for (const window of container.driver.windows) {
    if (window === null || iova < window.start) continue;
    const area = window.table.at(iova);
    if (area !== null) return reached(area, iova);
  }
  const area = state.pes.get(group.pe)?.leftover?.at(iova) ?? null;
  return area === null ? null : reached(area, iova);
}

function reached(area: Area, iova: bigint): Translation | null {
  if (area.source.kind !== "va") return null;
  const va = area.source.va + (iova - area.iova);
  return { va, isReadable: area.prot !== "w", isWritable: area.prot !== "r" };
}
