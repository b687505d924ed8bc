import type { ContextLine } from "@ioasis/server";
import { type Column, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { head: "context" },
  { head: "profile" },
  { head: "versions", right: true },
  { head: "epoch", right: true },
  { head: "state" },
  { head: "since" },
  { head: "owner" },
  { head: "digest" },
  { head: "space digest" },
];

/** Digits of a digest that tell one history from another at a glance. */
const DIGEST_DIGITS = 12;

/** The contexts of a journal, for people. */
export function contextsText(lines: readonly ContextLine[]): string {
  if (lines.length === 0) return "no context yet: import a recording (ioasis import FILE)";
  const rows = lines.map((line) => [
    line.context,
    line.profile,
    line.versions.toLocaleString("en"),
    String(line.epoch),
    line.state,
    line.since ?? "",
    line.owner,
    line.digest.slice(0, DIGEST_DIGITS),
    line.spaceDigest?.slice(0, DIGEST_DIGITS) ?? "",
  ]);
  const epochs = lines.flatMap(({ context, branches }) =>
    branches.length < 2 ? [] : ["", `epochs of ${context}`, branchTable(branches)],
  );
  return [table(COLUMNS, rows), ...epochs].join("\n");
}

function branchTable(branches: ContextLine["branches"]): string {
  return table(
    [{ head: "epoch", right: true }, { head: "from version", right: true }, { head: "owner" }, { head: "digest" }],
    branches.map(({ epoch, owner, fromVersion, digest }) => [
      String(epoch),
      fromVersion.toLocaleString("en"),
      owner,
      digest.slice(0, DIGEST_DIGITS),
    ]),
    "  ",
  );
}
