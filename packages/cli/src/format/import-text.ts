import type { FileReport, ImportReport } from "../import/report.ts";
import { counted, table } from "./table.ts";

/** Problems and drift shown of one import; `--json` has the rest. */
const SHOWN_MAX = 10;

/** What an import came to, for people. */
export function importText({ files, contexts, drift, driftTotal }: ImportReport): string {
  const lines = files.flatMap(fileLines);
  if (contexts.length > 0) {
    const rows = contexts.map(({ context, versions }) => [context, versions.toLocaleString("en")]);
    lines.push("", table([{ head: "context" }, { head: "versions", right: true }], rows));
  }
  if (driftTotal > 0) {
    lines.push("", `${counted(driftTotal, "disagreement")} of the record with the model (drift); the record was kept`);
    const rows = drift
      .slice(0, SHOWN_MAX)
      .map(({ file, line, context, version, rule, expected, observed }) => [
        `${file}:${line}`,
        `${context} ${version}`,
        rule,
        `expected ${expected}; observed ${observed}`,
      ]);
    lines.push(table([{ head: "line" }, { head: "version" }, { head: "rule" }, { head: "what" }], rows, "  "));
    if (driftTotal > SHOWN_MAX)
      lines.push(`  ... and ${(driftTotal - SHOWN_MAX).toLocaleString("en")} more (--json lists them)`);
  }
  return lines.join("\n");
}

function fileLines(report: FileReport): string[] {
  const { file, format, lines, recognised, events, known, faults, lost, problems, problemsTotal } = report;
  const facts = [
    `${counted(lines, "line")}, ${recognised.toLocaleString("en")} recognised`,
    events === 0 && known > 0 ? "nothing new: already in the journal" : counted(events, "event"),
    events > 0 && known > 0 ? `${known.toLocaleString("en")} of it already in the journal` : "",
    faults > 0 ? counted(faults, "fault") : "",
    lost > 0 ? `${counted(lost, "event")} lost by the recorder` : "",
    problemsTotal > 0 ? `${counted(problemsTotal, "line")} not read` : "",
  ];
  const text = [`${file} (${format}): ${facts.filter((fact) => fact !== "").join("; ")}`];
  for (const { line, reason } of problems.slice(0, SHOWN_MAX)) text.push(`  line ${line}: ${reason}`);
  if (problemsTotal > SHOWN_MAX)
    text.push(`  ... and ${(problemsTotal - SHOWN_MAX).toLocaleString("en")} more (--json lists them)`);
  return text;
}
