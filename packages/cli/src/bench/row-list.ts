/** The rows as `--list` tells them. */
import { table } from "../format/table.ts";
import { countText } from "./count.ts";
import type { Row, Sizes } from "./row.ts";

export function rowList(rows: readonly Row[]): string {
  return table(
    ["name", "measures", "target", "sizes"].map((head) => ({ head })),
    rows.map(({ id, title, goal, sizes }) => [id, title, goal ?? "", sizes === null ? "" : sizesText(sizes)]),
  );
}

/** `events of history: 10M; by name 100M`. */
function sizesText({ of, usual, byName }: Sizes): string {
  const list = (sizes: readonly number[]): string => sizes.map(countText).join(", ");
  return `${of}: ${list(usual)}${byName.length === 0 ? "" : `; by name ${list(byName)}`}`;
}
