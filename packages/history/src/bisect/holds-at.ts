/** Whether a condition holds at a version, by the index. */
import { type IoasHandle, type Prot, type Range, sameDevice } from "@ioasis/core";
import type { ContextIndex } from "../context-index.ts";
import { areasTouching } from "../who.ts";
import type { Condition, Right } from "./condition.ts";

/** Those that are not counts of the whole context. */
export type PointCondition = Exclude<Condition, { readonly kind: "areas" | "mapped-bytes" }>;

/** `spaces`: those that count, null for all. */
export function holdsAt(
  index: ContextIndex,
  condition: PointCondition,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): boolean {
  const state = index.recordsAt(version);
  switch (condition.kind) {
    case "mapped":
      return isMapped(index, condition.range, condition.right, spaces, version) === condition.isWanted;
    case "covered":
      return isCovered(index, condition.range, condition.right, spaces, version);
    case "attached": {
      const found = [...state.attachments.values()].some(
        ({ device, ioas }) =>
          sameDevice(device, condition.device) && (spaces === null || ioas === null || spaces.has(ioas)),
      );
      return found === condition.isWanted;
    }
    case "reaches": {
      const own = [...state.attachments.values()].filter(({ device }) => sameDevice(device, condition.device));
      // Attached to a space that its source does not name: it may be any.
      const reached = own.some(({ ioas }) => ioas === null)
        ? spaces
        : new Set(own.map(({ ioas }) => ioas as IoasHandle).filter((ioas) => spaces === null || spaces.has(ioas)));
      return own.length > 0 && isMapped(index, condition.range, condition.right, reached, version);
    }
    case "losses":
      return BigInt(state.gaps) > condition.than;
    case "bookmark":
      return state.bookmarks.has(condition.name);
  }
}

function isMapped(
  index: ContextIndex,
  range: Range,
  right: Right | null,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): boolean {
  const areas = areasTouching(index, index.recordsAt(version), range, spaces, version);
  return areas.some(({ area }) => permits(area.prot, right));
}

/** Areas of one space follow each other without a gap from the first byte to the last. */
function isCovered(
  index: ContextIndex,
  range: Range,
  right: Right | null,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): boolean {
  let ioas = -1;
  let next: bigint = range.first;
  for (const found of areasTouching(index, index.recordsAt(version), range, spaces, version)) {
    if (found.ioas !== ioas) next = range.first;
    ioas = found.ioas;
    if (found.area.iova > next || !permits(found.area.prot, right)) continue;
    if (found.area.last >= next) next = found.area.last + 1n;
    if (next > range.last) return true;
  }
  return false;
}

/** Rights that the source does not tell are none. */
function permits(prot: Prot, right: Right | null): boolean {
  return right === null || prot === right || (prot === "rw" && right !== "rw");
}
