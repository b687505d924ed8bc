import { callOf, hex, type Plan, type ProcessPlan } from "@ioasis/core";
import { counted, paragraphs, table } from "./table.ts";

/** Calls, and mappings in the way, that are shown; `--json` has all. */
const SHOWN_MAX = 200;
const COLUMNS = [
  { head: "#", right: true },
  { head: "call" },
  { head: "arguments" },
  { head: "taken back by" },
] as const;
/** What a number or a note says is in `--json`. */
const LEFT_OUT = new Set(["call", "undo", "length", "note"]);

/** The calls of a plan for people. */
export function planText({ steps, dialect }: Plan): string {
  if (steps.length === 0) return "nothing to rebuild: no space is alive";
  const rows = steps.slice(0, SHOWN_MAX).map((step, i) => {
    const call = callOf(step, dialect);
    const words = Object.entries(call)
      .filter(([name, value]) => !LEFT_OUT.has(name) && value !== null)
      .map(([name, value]) => `${name}=${wordOf(value)}`);
    return [String(i + 1), String(call["call"]), words.join(" "), String(call["undo"] ?? "")];
  });
  const more = steps.length - rows.length;
  const tail = more > 0 ? [`... and ${counted(more, "call")} more (--json has all)`] : [];
  return [table(COLUMNS, rows), ...tail].join("\n");
}

function wordOf(value: unknown): string {
  if (Array.isArray(value))
    return value.map((part) => (Array.isArray(part) ? part.join("-") : String(part))).join(",") || "none";
  if (typeof value !== "object" || value === null) return String(value);
  return Object.values(value).join(":");
}

/** Whether the process can be replaced, and what is in the way. */
export function processText({ isPossible, mappings, unfiled, unknown }: ProcessPlan): string {
  if (isPossible)
    return [
      `the process can be replaced: ${counted(mappings, "mapping")}, all of files`,
      "  IOMMU_IOAS_CHANGE_PROCESS",
    ].join("\n");
  const lines = [
    unfiled.length > 0
      ? `the process cannot be replaced (EINVAL): ${counted(unfiled.length, "mapping")} of ${mappings.toLocaleString("en")} not of a file`
      : "it is not known whether the process can be replaced",
  ];
  for (const { ioas, area } of unfiled.slice(0, SHOWN_MAX))
    lines.push(`  ioas${ioas} ${hex(area.iova)}-${hex(area.last)} ${area.prot} ${area.source.kind}`);
  if (unfiled.length > SHOWN_MAX)
    lines.push(`  ... and ${counted(unfiled.length - SHOWN_MAX, "mapping")} more (--json has all)`);
  if (unknown.length > 0) lines.push("not told:", ...paragraphs(unknown, "  "));
  return lines.join("\n");
}
