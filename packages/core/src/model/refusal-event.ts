/** Which event a refused call leaves, where its driver has none of its own. */
import { byteLength, iova } from "../address.ts";
import type { IoasEvent, IoasHandle } from "../events.ts";
import { PROTS, type Prot } from "../source.ts";

/** A refused VFIO_IOMMU_MAP_DMA. `flags`: 1 read, 2 write. */
export function mapDmaRefused(
  ioas: IoasHandle | null,
  call: { readonly iova: bigint; readonly size: bigint; readonly userVa: bigint; readonly flags: number },
): IoasEvent {
  return {
    type: "MapRefused",
    ioas,
    iova: iova(call.iova),
    length: byteLength(call.size),
    prot: PROTS[call.flags & 3] as Prot,
    source: { kind: "va", va: call.userVa },
  };
}

export function unmapDmaRefused(
  ioas: IoasHandle | null,
  call: { readonly iova: bigint; readonly size: bigint },
): IoasEvent {
  return { type: "UnmapRefused", ioas, iova: iova(call.iova), length: byteLength(call.size) };
}
