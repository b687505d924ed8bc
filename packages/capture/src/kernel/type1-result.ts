/**
 * What a finished VFIO type1 call did, from its arguments, its return value and what the kernel
 * wrote back. Source: vfio_dma_do_map, vfio_dma_do_unmap (drivers/vfio/vfio_iommu_type1.c).
 */
import {
  byteLength,
  type Errno,
  errnoOfNumber,
  fits,
  hex,
  type Iova,
  lastOf,
  type ObservedEvent,
  protOf,
  type Run,
  U64_MAX,
} from "@ioasis/core";

export interface Type1Request {
  readonly flags: number;
  readonly iova: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** Null: the recorder does not tell. */
  readonly argsz: number | null;
}

export interface Type1MapRequest extends Type1Request {
  readonly va: bigint;
}

export interface CallResult {
  readonly event: ObservedEvent;
  readonly errno: Errno | null;
}

const MAP_VADDR = 4;
const MAP_RIGHTS = 3;
const MAP_ARGSZ = 32;
const UNMAP_ALL = 2;
const UNMAP_VADDR = 4;
const UNMAP_ARGSZ = 24;

/**
 * Null: nothing in the address space changed (VFIO_DMA_MAP_FLAG_VADDR exchanges the user address
 * of an existing mapping, and the device keeps the old pages). A string: what cannot be.
 */
export function type1MapResult(
  request: Type1MapRequest,
  ret: number,
  runs: readonly Run[],
): CallResult | null | string {
  const { flags, iova, length, va, argsz } = request;
  if (ret < 0) {
    const errno = errnoOfNumber(-ret);
    if ((flags & ~MAP_RIGHTS) !== 0 || (argsz !== null && argsz < MAP_ARGSZ)) {
      return refused("VFIO_IOMMU_MAP_DMA", request, errno);
    }
    const prot = protOf((flags & 1) !== 0, (flags & 2) !== 0);
    return {
      event: {
        type: "MapRefused",
        ioas: null,
        iova: iova as Iova,
        length: byteLength(length),
        prot,
        source: { kind: "va", va },
      },
      errno,
    };
  }
  if ((flags & MAP_VADDR) !== 0) return null;
  if (!fits(iova as Iova, length)) return "a map that succeeded reaches beyond 2^64";
  const source = runs.length > 0 ? ({ kind: "va", va, runs } as const) : ({ kind: "va", va } as const);
  const prot = protOf((flags & 1) !== 0, (flags & 2) !== 0);
  const last = lastOf(iova as Iova, length);
  return { event: { type: "IovaMapped", ioas: null, iova: iova as Iova, last, prot, source }, errno: null };
}

/**
 * `removed`: the size the kernel wrote back (0: nothing was mapped there), null: not told.
 * `reach`: last byte known to be gone, which lies beyond the request where v1 removed a mapping
 * that the request only began to cover; null: not told.
 */
export function type1UnmapResult(
  request: Type1Request,
  ret: number,
  removed: bigint | null,
  reach: bigint | null,
): CallResult | null | string {
  const { flags, iova, length, argsz } = request;
  if (ret < 0) {
    const errno = errnoOfNumber(-ret);
    if (flags !== 0 || (argsz !== null && argsz < UNMAP_ARGSZ)) {
      return refused("VFIO_IOMMU_UNMAP_DMA", request, errno);
    }
    return { event: { type: "UnmapRefused", ioas: null, iova: iova as Iova, length: byteLength(length) }, errno };
  }
  if ((flags & UNMAP_VADDR) !== 0) return null;
  const isAll = (flags & UNMAP_ALL) !== 0;
  if (!isAll && !fits(iova as Iova, length)) return "an unmap that succeeded reaches beyond 2^64";
  const bytes = removed ?? length;
  let last = isAll ? U64_MAX : iova + length - 1n;
  if (reach !== null && reach > last) last = reach;
  if (bytes > 0n && iova + bytes - 1n > last) last = iova + bytes - 1n;
  if (last > U64_MAX) return "an unmap that succeeded removed bytes beyond 2^64";
  return {
    event: { type: "IovaUnmapped", ioas: null, iova: iova as Iova, last: last as Iova, bytes: byteLength(bytes) },
    errno: null,
  };
}

/** A refusal that says nothing about the address space: its flags or its struct were the reason. */
function refused(call: string, { flags, iova, length, argsz }: Type1Request, errno: Errno): CallResult {
  const size = argsz === null ? "" : `argsz ${argsz} `;
  const detail = `${size}flags 0x${flags.toString(16)} iova ${hex(iova)} size ${hex(length)}`;
  return { event: { type: "CallRefused", call, detail }, errno };
}
