import type { VerifyReport } from "@ioasis/store";

/** What `verify` found, for people. */
export function verifyText({ ok, blocks, events, digests, damage }: VerifyReport): string {
  const count = (n: number, noun: string): string => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
  const lines = [`${ok ? "ok" : "DAMAGED"}: ${count(blocks, "block")}, ${count(events, "event")}`];
  const width = Math.max(0, ...Object.keys(digests).map((name) => name.length));
  for (const [name, digest] of Object.entries(digests)) lines.push(`  ${name.padEnd(width)}  digest ${digest}`);
  for (const { file, offset, context, version, what } of damage) {
    const where = context === null ? "" : `, ${context}${version === null ? "" : ` from version ${version} on`}`;
    lines.push(`  ${file}, byte ${offset}${where}: ${what}`);
  }
  if (!ok)
    lines.push(
      "  What is intact stays readable; restore the file from a replica (its history is the same, block by block).",
    );
  return lines.join("\n");
}
