/**
 * libvfio-user's messages about DMA regions (lib/libvfio-user.c, lib/dma.c), all generations:
 *
 *     adding DMA region [0xc4000, 0xe0000) offset=0 prot=0x1 flags=0          the end is not included
 *     mapped DMA region iova=[0xc0000, 0xc1000) vaddr=0x7f269d4c0000 page_size=... mapping=[...)
 *     failed to add DMA region [0xc4000, 0xe8000) offset=0xc4000 prot=0x1 flags=0x1: Invalid argument
 *     removed DMA region 0xfd000000-0xfdffffff                                2021-02 and older: it is
 *     failed to remove DMA region 0xfd000000-0xfdffffff: No such file or directory
 *     failed to translate IOVA [3221078016, 3221082112) (prot=3) to local VA: ...   SPDK's own
 */
import { type Errno, type Prot, protOf } from "@ioasis/core";
import { errnoOfText } from "../strerror.ts";

export type RegionAction =
  | "adding"
  | "mapped"
  | "added"
  | "failed to add"
  | "removing"
  | "removed"
  | "failed to remove"
  | "failed to translate"
  /** Says which region is in the way of the one that is being added. */
  | "new";

export interface RegionMessage {
  readonly action: RegionAction;
  readonly iova: bigint;
  readonly length: bigint;
  readonly prot: Prot;
  readonly va: bigint | null;
  readonly isUnmapOfAll: boolean;
  readonly errno: Errno;
  /** What follows the last colon. */
  readonly reason: string;
}

const ACTION =
  /\b(adding|mapped|added|failed to add|removing|removed|failed to remove|new) DMA region |\b(failed to translate) IOVA /;
const HALF_OPEN = /^(?:iova=)?\[(0x[0-9a-f]{1,16}|\d{1,20}), (0x[0-9a-f]{1,17}|\d{1,20})\)/;
const CLOSED = /^(0x[0-9a-f]{1,16}|0)-(0x[0-9a-f]{1,16})/;
const VADDR = /\bvaddr=(0x[0-9a-f]{1,16})/;
const PROT = /\bprot=(0x[0-9a-f]+|\d+)/;
const FLAGS = /\bflags=(0x[0-9a-f]+|\d+)/;
const FLAG_READ = 1;
const FLAG_WRITE = 2;
/** VFIO_DMA_UNMAP_FLAG_ALL: the region is [0, 0). */
const FLAG_ALL = 2;

/** Null: about something else. `"broken"`: about a region, but which one cannot be read. */
export function readRegionMessage(message: string): RegionMessage | "broken" | null {
  const found = ACTION.exec(message);
  if (found === null) return null;
  const action = (found[1] ?? found[2]) as RegionAction;
  const rest = message.slice(found.index + found[0].length);
  const range = readRange(rest);
  if (range === null) return "broken";
  const isRemoval = action === "removing" || action === "removed" || action === "failed to remove";
  const flags = numberOf(FLAGS, rest);
  const isUnmapOfAll = isRemoval && range.length === 0n && flags !== null && (flags & FLAG_ALL) !== 0;
  // Regions were given a prot before their flags took that over.
  const access = isRemoval ? null : (numberOf(PROT, rest) ?? flags);
  const vaddr = VADDR.exec(rest);
  const reason = rest.slice(rest.lastIndexOf(": ") + 2);
  return {
    action,
    ...range,
    prot: access === null ? "unknown" : protOf((access & FLAG_READ) !== 0, (access & FLAG_WRITE) !== 0),
    va: vaddr === null ? null : BigInt(vaddr[1] as string),
    isUnmapOfAll,
    errno: errnoOfText(reason),
    reason,
  };
}

function readRange(text: string): { readonly iova: bigint; readonly length: bigint } | null {
  const halfOpen = HALF_OPEN.exec(text);
  const closed = halfOpen ?? CLOSED.exec(text);
  if (closed === null) return null;
  const iova = BigInt(closed[1] as string);
  const end = BigInt(closed[2] as string) + (halfOpen === null ? 1n : 0n);
  return iova <= end && end <= 1n << 64n ? { iova, length: end - iova } : null;
}

function numberOf(pattern: RegExp, text: string): number | null {
  const match = pattern.exec(text);
  return match === null ? null : Number(match[1]);
}
