import type { HistoryRow } from "@ioasis/history";
import { type Column, table } from "./table.ts";
import { actorText, rangeSize, timeText } from "./words.ts";

const COLUMNS: readonly Column[] = [
  { head: "version", right: true },
  { head: "time", right: true },
  { head: "actor" },
  { head: "event" },
  { head: "space" },
  { head: "iova", right: true },
  { head: "last", right: true },
  { head: "size", right: true },
  { head: "prot" },
  { head: "errno" },
];

/** Everything that happened to a range, for people. */
export function historyText(rows: readonly HistoryRow[]): string {
  if (rows.length === 0) return "nothing in this history touches the range";
  return table(
    COLUMNS,
    rows.map((row) => [
      String(row.version),
      timeText(row),
      actorText(row.actor),
      row.type,
      row.ioas ?? "",
      row.iova ?? "",
      row.last ?? "",
      rangeSize(row.iova, row.last),
      row.prot ?? "",
      row.errno ?? "",
    ]),
  );
}
