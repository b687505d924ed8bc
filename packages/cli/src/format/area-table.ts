import type { AreaJson } from "@ioasis/history";
import { type Column, table } from "./table.ts";
import { rangeSize, sourceText } from "./words.ts";

const COLUMNS: readonly Column[] = [
  { head: "space" },
  { head: "iova", right: true },
  { head: "last", right: true },
  { head: "size", right: true },
  { head: "prot" },
  { head: "source" },
  { head: "version", right: true },
];

/** Mappings in aligned columns; `withSpace`: where they are of several. */
export function areaTable(areas: readonly AreaJson[], indent: string, withSpace: boolean): string {
  return table(
    COLUMNS,
    areas.map((area) => areaCells(area, withSpace)),
    indent,
  );
}

function areaCells({ ioas, iova, last, prot, source, version }: AreaJson, withSpace: boolean): readonly string[] {
  return [withSpace ? ioas : "", iova, last, rangeSize(iova, last), prot, sourceText(source), String(version)];
}
