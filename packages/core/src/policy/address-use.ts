/** Which of the two addresses a context uses, as its state shows. */
import type { DeviceName } from "../events.ts";
import type { Range } from "../range.ts";
import type { ContextState, Space } from "../state.ts";
import { baseOfPasid, type Selector } from "./attach-address.ts";

export interface SpaceUse {
  readonly ioas: number;
  /** `allowed`: [base, size] as allowed ranges; `windows`: as windows of bus addresses; `whole`: nothing was asked for. */
  readonly atAlloc: "whole" | "allowed" | "windows";
  readonly ranges: readonly Range[];
}

export interface AttachUse {
  readonly device: DeviceName;
  readonly pasid: Selector;
  /** The attach base that says the same. */
  readonly base: bigint;
  readonly ioas: number | null;
}

export interface AddressUse {
  readonly spaces: readonly SpaceUse[];
  /** Attachments that a base selects: those with a PASID; none: one space for each device. */
  readonly selected: readonly AttachUse[];
}

export function addressUse(state: ContextState): AddressUse {
  const selected = [...state.attachments.values()].flatMap(({ device, pasid, ioas }): AttachUse[] => {
    const base = pasid === null ? null : baseOfPasid(pasid);
    return typeof base === "bigint" ? [{ device, pasid, base, ioas }] : [];
  });
  return { spaces: state.liveSpaces.map(spaceUse), selected };
}

function spaceUse({ handle, allowed, windows }: Space): SpaceUse {
  if (windows.length > 0)
    return { ioas: handle, atAlloc: "windows", ranges: windows.map(({ first, last }) => ({ first, last })) };
  return { ioas: handle, atAlloc: allowed.length > 0 ? "allowed" : "whole", ranges: allowed };
}
