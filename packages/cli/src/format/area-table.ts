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

/** Mappings of one space in aligned columns. */
export function areaTable(areas: readonly AreaJson[], indent: string): string {
  return rowsOf(areas, indent, "", false);
}

/** Mappings of any spaces, each row behind `mark`. */
export function markedAreaTable(areas: readonly AreaJson[], indent: string, mark: string): string {
  return rowsOf(areas, indent, mark, true);
}

function rowsOf(areas: readonly AreaJson[], indent: string, mark: string, withSpace: boolean): string {
  return table(
    COLUMNS,
    areas.map((area) => areaCells(area, withSpace)),
    indent,
    mark,
  );
}

function areaCells({ ioas, iova, last, prot, source, version }: AreaJson, withSpace: boolean): readonly string[] {
  return [withSpace ? ioas : "", iova, last, rangeSize(iova, last), prot, sourceText(source), String(version)];
}
