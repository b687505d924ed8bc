/** What the driver of the type1 recordings did, from its own record of the same run. */
import { AreaTable, type Errno, type Fact, type Iova } from "@ioasis/core";
import { linesOf } from "./decoded-recording.ts";

/** The run's files in the order of its processes. */
export const ORACLE1 = [
  "setup-order-v2",
  "setup-order-v1",
  "map-basic-v2",
  "map-basic-v1",
  "map-order-v2",
  "map-order-v1",
  "unmap-bisect-v2",
  "unmap-bisect-v1",
  "unmap-many-v2",
  "unmap-many-v1",
  "vaddr-basic-v2",
  "vaddr-basic-v1",
  "efault-v2",
  "efault-v1",
  "dirty-basic-v2",
  "dirty-basic-v1",
  "two-groups-v2",
  "two-groups-v1",
  "rand-000-v2",
  "rand-001-v1",
] as const;

interface Step {
  readonly op?: string;
  readonly in: { readonly flags?: number; readonly iova?: string; readonly size?: string; readonly va?: string };
  readonly errno: Errno | 0;
  readonly out: { readonly size?: string; readonly group?: string };
}

/** A map or unmap as one word: what was asked for, what came of it. */
export interface TrueCall {
  readonly word: string;
  /** The container had a driver, so the call reached type1. */
  readonly reached: boolean;
}

const VADDR = 4;

/** The map and unmap calls of one file that leave a trace (exchanging a user address leaves none), in order. */
export function trueCalls(name: string): readonly TrueCall[] {
  const calls: TrueCall[] = [];
  let driver = false;
  let groups = 0;
  for (const line of linesOf(`tests/recordings/kernel/oracle1-vectors/${name}.jsonl.gz`)) {
    const step = JSON.parse(line) as Step;
    const isDone = step.errno === 0;
    if (step.op === "set_iommu" && isDone) driver = true;
    if (step.op === "set_container" && isDone) groups++;
    if (step.op === "unset_container" && isDone && --groups === 0) driver = false;
    if (step.op !== "map_dma" && step.op !== "unmap_dma") continue;
    if (isDone && ((step.in.flags ?? 0) & VADDR) !== 0) continue;
    calls.push({ word: wordOfStep(step), reached: driver });
  }
  return calls;
}

function wordOfStep({ op, in: { flags = 0, iova = "0x0", size = "0x0", va }, errno, out }: Step): string {
  const isMap = op === "map_dma";
  if (errno === 0) return isMap ? `map ${iova} ${size} ${va} ${flags & 3}` : `unmap ${iova} removed ${out.size}`;
  if (isMap && (flags & ~3) === 0) return `map ${iova} ${size} ${va} ${flags} ${errno}`;
  return !isMap && flags === 0 ? `unmap ${iova} ${size} ${errno}` : `other ${errno}`;
}

/** The same word of a fact; null: a fact of another call. */
export function wordOfFact({ event, errno }: Fact): string | null {
  switch (event.type) {
    case "IovaMapped":
    case "MapRefused": {
      const length = event.type === "IovaMapped" ? event.last - event.iova + 1n : event.length;
      const va = event.source.kind === "va" ? hex(event.source.va) : "?";
      const rights = { unknown: 0, r: 1, w: 2, rw: 3 }[event.prot];
      return `map ${hex(event.iova ?? -1n)} ${hex(length)} ${va} ${rights}${errno === null ? "" : ` ${errno}`}`;
    }
    case "IovaUnmapped":
      return `unmap ${hex(event.iova)} removed ${hex(event.bytes)}`;
    case "UnmapRefused":
      return `unmap ${hex(event.iova)} ${hex(event.length)} ${errno}`;
    case "CallRefused":
      return /VFIO_(?:IOMMU_)?(?:UN)?MAP_DMA/.test(event.call) ? `other ${errno}` : null;
    default:
      return null;
  }
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/**
 * Folds maps, unmaps and ends of all contexts and says where they contradict each other: a map
 * over a live mapping, an unmap whose range held another number of bytes, a space left behind.
 */
export function contradictions(facts: readonly Fact[]): string[] {
  const spaces = new Map<string, AreaTable>();
  const found: string[] = [];
  for (const { context, event, line } of facts) {
    const space = spaces.get(context) ?? new AreaTable();
    spaces.set(context, space);
    if (event.type === "IovaMapped") {
      if (space.overlaps(event.iova, event.last)) found.push(`${line}: ${context} maps over a mapping`);
      else space.insert(event.iova, event.last, 0, 0n, -1, null, 0);
    } else if (event.type === "IovaUnmapped" && event.bytes > 0n) {
      const bytes = space.remove(event.iova, event.last);
      if (bytes !== event.bytes) found.push(`${line}: ${context} unmaps ${event.bytes}, but ${bytes} were mapped`);
    } else if (event.type === "IovaUnmapped" && space.overlaps(event.iova, event.last as Iova)) {
      // Type1 v1 stops without an effect at a mapping that starts below the request.
      if ((space.at(event.iova)?.iova ?? event.iova) === event.iova) found.push(`${line}: ${context} unmaps nothing`);
    } else if (event.type === "IoasDestroyed") spaces.delete(context);
  }
  for (const [context, space] of spaces) if (space.size > 0) found.push(`${context} holds ${space.size} at the end`);
  return found;
}
