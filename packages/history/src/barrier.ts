/** What keeps an address from being mapped at all. */
import { overlaps, type Range, type Reservation } from "@ioasis/core";
import { ioasName } from "./area-json.ts";
import type { Investigation } from "./explanation.ts";
import { hardwareSays } from "./fault.ts";
import { rangeText } from "./fault-evidence.ts";

export interface Barrier {
  readonly verdict: "reserved" | "beyond-aperture";
  readonly text: string;
}

/** Null: nothing that the record shows. */
export function barrierOf({ fault, state, suspects, range }: Investigation): Barrier | null {
  if (hardwareSays(fault) === "beyond-aperture")
    return { verdict: "beyond-aperture", text: "The IOMMU itself says that the address is beyond what it translates." };
  for (const space of state.liveSpaces) {
    if (suspects.spaces !== null && !suspects.spaces.has(space.handle)) continue;
    const name = ioasName(space.handle);
    const reservation = space.reservations.find((reserved) => overlaps(reserved, range));
    if (reservation !== undefined) return reservationBarrier(reservation, name);
    const { windows } = space;
    if (windows.length > 0 && !windows.some((window) => overlaps(window, range)))
      return { verdict: "beyond-aperture", text: `No window of ${name} translates the address.` };
    const hwpt = state.hwpts.find((each) => each?.ioas === space.handle && isOutside(each.aperture, range));
    if (hwpt?.aperture)
      return {
        verdict: "beyond-aperture",
        text: `hwpt${hwpt.handle} of ${name} translates ${rangeText(hwpt.aperture.first, hwpt.aperture.last)} only.`,
      };
  }
  return null;
}

function reservationBarrier({ owner, first, last }: Reservation, name: string): Barrier {
  // What a page table reserves is what lies outside its aperture (iopt_table_add_domain).
  if (owner.startsWith("hwpt:"))
    return {
      verdict: "beyond-aperture",
      text: `${rangeText(first, last)} of ${name} is outside the aperture of ${owner.replace(":", "")}.`,
    };
  return {
    verdict: "reserved",
    text: `${rangeText(first, last)} of ${name} is reserved by ${owner}: nothing can be mapped there.`,
  };
}

function isOutside(aperture: Range | null, range: Range): boolean {
  return aperture !== null && !overlaps(aperture, range);
}
