/** The areas of a table as rows that can be compared. */
import type { AreaTable } from "../../area-table.ts";

export type AreaRow = readonly [iova: bigint, last: bigint, prot: string, source: string];

export function areaRows(table: Pick<AreaTable, "all">): AreaRow[] {
  return [...table.all()].map(({ iova, last, prot, source }) => [
    iova,
    last,
    prot,
    source.kind === "va" || source.kind === "copy" ? `${source.kind} ${source.va}` : source.kind,
  ]);
}
