/** The capability chain of VFIO_IOMMU_GET_INFO as the recordings print it. */
import { hex } from "../address.ts";
import type { Type1Info } from "../type1/query-info.ts";

export function capsOut({ capabilities }: Type1Info): readonly Readonly<Record<string, unknown>>[] {
  if (capabilities === null) return [];
  const { migration, avail, ranges } = capabilities;
  const header = ({ offset, id, next }: { readonly offset: number; readonly id: number; readonly next: number }) => ({
    offset,
    id,
    version: 1,
    next,
  });
  return [
    {
      ...header(migration),
      name: "migration",
      flags: 0,
      pgsize_bitmap: hex(migration.pageSizes),
      max_dirty_bitmap_size: hex(migration.bitmapBytesMax),
    },
    { ...header(avail), name: "dma_avail", avail: avail.entriesLeft },
    {
      ...header(ranges),
      name: "iova_range",
      ranges: ranges.iovas.map(({ first, last }) => [hex(first), hex(last)]),
    },
  ];
}
