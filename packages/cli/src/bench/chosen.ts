/** Which rows, in which sizes: the words of the command line, read. */
import { IoasisError } from "@ioasis/core";
import { countOf, countText } from "./count.ts";
import type { Row } from "./row.ts";

export interface Chosen {
  readonly row: Row;
  /** 0: the row has no sizes. */
  readonly size: number;
}

/** Stands for all curves, in a size too: `growth@1M`. */
export const GROWTH = "growth";

/**
 * `replay`, `replay@1M`; none: every row but the curves, in its usual sizes.
 * @throws IoasisError ERR_USAGE
 */
export function chosenRows(rows: readonly Row[], names: readonly string[]): Chosen[] {
  if (names.length === 0) return rows.filter(({ isCurve }) => isCurve !== true).flatMap(usual);
  const asked = names.flatMap((name) => {
    const [id, ...size] = name.split("@");
    if (id !== GROWTH) return [name];
    return rows.filter(({ isCurve }) => isCurve).map((row) => [row.id, ...size].join("@"));
  });
  return asked.flatMap((name) => {
    const [id, size, ...rest] = name.split("@");
    const row = rows.find((one) => one.id === id);
    if (row === undefined || rest.length > 0) {
      const ids = rows.map((one) => one.id).join(", ");
      throw new IoasisError("ERR_USAGE", `no bench is called ${name}: there are ${ids} (--list says more)`);
    }
    if (size === undefined) return usual(row);
    const count = countOf(size);
    if (row.sizes === null || count === null) {
      const remedy =
        row.sizes === null ? `${row.id} has one size: leave @${size} out` : "a size is a number like 65535, 100k or 1M";
      throw new IoasisError("ERR_USAGE", `${name}: ${remedy}`);
    }
    return [{ row, size: count }];
  });
}

export function chosenName({ row, size }: Chosen): string {
  return size === 0 ? row.id : `${row.id}@${countText(size)}`;
}

function usual(row: Row): Chosen[] {
  return row.sizes === null ? [{ row, size: 0 }] : row.sizes.usual.map((size) => ({ row, size }));
}
