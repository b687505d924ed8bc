/** Results as they are handed out: a line of JSON each, or a table for people. */
import { table } from "../format/table.ts";
import type { Machine } from "./machine.ts";
import type { BenchResult } from "./measure.ts";

/** A result with where it comes from. */
export interface Reported extends BenchResult {
  /** What to ask for to measure it again: `replay@1M`. */
  readonly row: string;
  /** Load average before and after its row. */
  readonly load: readonly [before: number, after: number];
  readonly machine: Machine;
}

export function resultTable(results: readonly Reported[]): string {
  const cells = results.map((one) => [
    one.row,
    one.name,
    `${figure(one.value)} ${one.unit}`,
    `${(one.spread * 100).toFixed(0)} %`,
    one.peer ?? "",
    one.peerValue === null ? "" : figure(one.peerValue),
    ratioText(one.ratio),
    one.target ?? "",
    metText(one.met, one.target),
    one.note ?? "",
  ]);
  const heads = ["row", "measured", "median", "spread", "peer", "its median", "ratio", "target", "met", "note"];
  const right = new Set(["median", "spread", "its median", "ratio"]);
  return table(
    heads.map((head) => ({ head, right: right.has(head) })),
    cells,
  );
}

/** One result as it is told while others are still being measured. */
export function resultLine({ name, value, unit, peer, peerValue, ratio, target, met }: Reported): string {
  const beside = peer === null || peerValue === null ? "" : `; ${peer}: ${figure(peerValue)}, ${ratioText(ratio)}`;
  return `${name}: ${figure(value)} ${unit}${beside}${target === null ? "" : ` (${target}: ${metText(met, target)})`}`;
}

export function metText(met: boolean | null, target: string | null): string {
  if (target === null) return "";
  return met === null ? "not known" : met ? "yes" : "MISSED";
}

/** `1.31 ×`, or `1/5,200` where one of them is that much less. */
export function ratioText(ratio: number | null): string {
  if (ratio === null) return "";
  return ratio > 0 && ratio < 0.1 ? `1/${figure(1 / ratio)}` : `${figure(ratio)} ×`;
}

export function figure(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}
