/** Whether a destination holds already what a step would make. */
import type { Area } from "../area.ts";
import type { Range } from "../range.ts";
import type { Prot, Source } from "../source.ts";
import type { Space } from "../state.ts";

/** The same area with the same rights and the same memory. */
export function hasArea(space: Space, { first, last }: Range, prot: Prot, source: Source): boolean {
  for (const area of space.areas.in(first, last))
    return area.iova === first && area.last === last && area.prot === prot && isSameMemory(area, source);
  return false;
}

/** A copy of user memory is that memory. */
function isSameMemory({ source: held }: Area, source: Source): boolean {
  switch (source.kind) {
    case "va":
    case "copy":
      return (held.kind === "va" || held.kind === "copy") && held.va === source.va;
    case "file":
    case "dmabuf":
      return held.kind === source.kind && held.fd === source.fd && held.start === source.start;
    case "gpa":
      return held.kind === "gpa" && held.gpa === source.gpa;
    default:
      // What is not known cannot be known to be the same.
      return false;
  }
}
