import type { ConformAnswer } from "../commands/conform.ts";
import { counted, table } from "./table.ts";

/** Disagreements shown; `--json` has the rest. */
const SHOWN_MAX = 50;

/** The model against recorded calls, for people. */
export function conformText({ files, steps, agreed, disagreed, ignored, flagged }: ConformAnswer): string {
  const verdict = disagreed.length === 0 ? "every checked step agrees" : `${counted(disagreed.length, "disagreement")}`;
  const lines = [
    `${verdict}: ${counted(files, "file")}, ${counted(steps, "step")}, ${agreed.toLocaleString("en")} agreed`,
  ];
  if (disagreed.length > 0) {
    const columns = ["file", "step", "operation", "field", "recorded", "model"].map((head) => ({ head }));
    const rows = disagreed
      .slice(0, SHOWN_MAX)
      .map(({ file, i, op, field, expected, got }) => [
        file,
        String(i),
        op,
        field,
        valueText(expected),
        valueText(got),
      ]);
    lines.push("", table(columns, rows, "  "));
    if (disagreed.length > SHOWN_MAX) lines.push(`  ... and ${disagreed.length - SHOWN_MAX} more (--json lists them)`);
  }
  lines.push(
    ...countLines("not checked, effect applied", ignored),
    ...countLines("decided by a known kernel bug", flagged),
  );
  return lines.join("\n");
}

function countLines(head: string, counts: Readonly<Record<string, number>>): string[] {
  const rows = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => [name, count.toLocaleString("en")]);
  if (rows.length === 0) return [];
  return ["", `${head}:`, table([{ head: "operation" }, { head: "steps", right: true }], rows, "  ")];
}

function valueText(value: unknown): string {
  if (value === undefined) return "-";
  return typeof value === "string" ? value : JSON.stringify(value);
}
