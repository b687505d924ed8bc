/** Runs a decoder over a recording of the project or over lines of a test. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import type { Fact } from "@ioasis/core";
import type { Decoder } from "../decoder.ts";
import { Line } from "../line.ts";

export interface Decoded {
  readonly lines: number;
  readonly facts: readonly Fact[];
  /** `line: reason` */
  readonly problems: readonly string[];
}

/** The lines of a file, by its path from the project's root; gzipped ones are unpacked. */
export function linesOf(file: string): string[] {
  const bytes = readFileSync(path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), file));
  const lines = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** `isWhole` false: the file goes on, as a decoder sees it in the middle of an import. */
export function decode(decoder: Decoder, lines: readonly string[], isWhole = true): Decoded {
  const facts: Fact[] = [];
  const problems: string[] = [];
  const sink = {
    fact: (fact: Fact) => void facts.push(fact),
    problem: (line: number, reason: string) => void problems.push(`${line}: ${reason}`),
  };
  lines.forEach((line, index) => {
    decoder.line(Line.of(line, index + 1), sink);
  });
  if (isWhole) decoder.end(sink);
  return { lines: lines.length, facts, problems };
}

/** How many facts there are of each kind: `context Type` or `context Type ERRNO`. */
export function countsOf(facts: readonly Fact[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { context, event, errno } of facts) {
    const kind = [context, event.type, errno].filter((part) => part !== null && part !== "").join(" ");
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Line ends at which `decode` must not have said anything that the rest of the file changes. */
export function prefixLengths(lines: number): number[] {
  if (lines <= 40) return Array.from({ length: lines }, (_, length) => length);
  return Array.from({ length: 12 }, (_, i) => Math.floor((lines * (i * 2 + 1)) / 25) + i);
}

/** One line a fact, for comparing long lists: bigints as hex. */
export function written(facts: readonly Fact[]): string {
  return facts
    .map((fact) => JSON.stringify(fact, (_, value) => (typeof value === "bigint" ? `0x${value.toString(16)}` : value)))
    .join("\n");
}
