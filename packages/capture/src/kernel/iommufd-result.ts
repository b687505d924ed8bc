/** What a finished iommufd call did. Source: iommufd_ioas_map and its neighbours (drivers/iommu/iommufd/ioas.c). */
import {
  byteLength,
  errnoOfNumber,
  fits,
  type Iova,
  lastOf,
  type ObservedEvent,
  protOf,
  type Run,
  type Source,
  U64_MAX,
} from "@ioasis/core";
import type { CallResult } from "./type1-result.ts";

export interface IommufdMapRequest {
  /** 1 FIXED_IOVA, 2 WRITEABLE, 4 READABLE. */
  readonly flags: number;
  readonly ioas: number;
  readonly iova: bigint;
  readonly length: bigint;
  readonly source: Source;
}

export interface IommufdUnmapRequest {
  readonly ioas: number;
  readonly iova: bigint;
  readonly length: bigint;
}

const FIXED_IOVA = 1;
const WRITEABLE = 2;
const READABLE = 4;

/** `iova`: what the kernel wrote back (its own choice without FIXED_IOVA). A string: what cannot be. */
export function iommufdMapResult(
  request: IommufdMapRequest,
  ret: number,
  iova: bigint,
  runs: readonly Run[],
): CallResult | string {
  const { flags, ioas, length } = request;
  const prot = protOf((flags & READABLE) !== 0, (flags & WRITEABLE) !== 0);
  if (ret < 0) {
    const asked = (flags & FIXED_IOVA) === 0 ? null : (request.iova as Iova);
    const source = request.source;
    return {
      event: { type: "MapRefused", ioas, iova: asked, length: byteLength(length), prot, source },
      errno: errnoOfNumber(-ret),
    };
  }
  if (!fits(iova as Iova, length)) return "a map that succeeded reaches beyond 2^64";
  const source: Source = runs.length > 0 ? { ...request.source, runs } : request.source;
  const last = lastOf(iova as Iova, length);
  return { event: { type: "IovaMapped", ioas, iova: iova as Iova, last, prot, source }, errno: null };
}

/** `removed`: the length the kernel wrote back. Address 0 and length 2^64-1 mean everything. */
export function iommufdUnmapResult(request: IommufdUnmapRequest, ret: number, removed: bigint): CallResult | string {
  const { ioas, iova, length } = request;
  if (ret < 0) {
    const event: ObservedEvent = { type: "UnmapRefused", ioas, iova: iova as Iova, length: byteLength(length) };
    return { event, errno: errnoOfNumber(-ret) };
  }
  const isAll = iova === 0n && length === U64_MAX;
  if (!isAll && !fits(iova as Iova, length)) return "an unmap that succeeded reaches beyond 2^64";
  const last = isAll ? (U64_MAX as Iova) : lastOf(iova as Iova, length);
  return { event: { type: "IovaUnmapped", ioas, iova: iova as Iova, last, bytes: byteLength(removed) }, errno: null };
}
