/** What the points of a curve say: flat, or growing with the history. */
import { table } from "../format/table.ts";
import { countText } from "./count.ts";
import { figure, type Reported } from "./report.ts";

/** A longer history may cost so many times a shorter one. */
export const FLAT_WITHIN = 1.2;
export const CURVE_ID = /^growth-([a-z]+)@/;

export interface Point {
  readonly events: number;
  readonly value: number;
}

export interface Curve {
  readonly name: string;
  readonly unit: string;
  /** Ascending by events. */
  readonly points: readonly Point[];
  /** The most that a point costs more than one of a shorter history. */
  readonly growth: number;
  readonly isFlat: boolean;
}

export function curvesOf(results: readonly Reported[]): Curve[] {
  const names = [...new Set(results.flatMap(({ row }) => CURVE_ID.exec(row)?.[1] ?? []))];
  return names.map((name) => {
    const own = results.filter(({ row }) => CURVE_ID.exec(row)?.[1] === name);
    const points = own.map(({ events, value }) => ({ events: events ?? 0, value })).sort((a, b) => a.events - b.events);
    const growth = growthOf(points);
    return { name, unit: own[0]?.unit ?? "", points, growth, isFlat: growth <= FLAT_WITHIN };
  });
}

function growthOf(points: readonly Point[]): number {
  let lowest = Infinity;
  let growth = 0;
  for (const { value } of points) {
    lowest = Math.min(lowest, value);
    growth = Math.max(growth, value / lowest);
  }
  return growth;
}

/** A line a curve: its cost at each length, and the verdict. */
export function curveCells(curves: readonly Curve[]): { readonly heads: string[]; readonly rows: string[][] } {
  const lengths = [...new Set(curves.flatMap(({ points }) => points.map(({ events }) => events)))].sort(
    (a, b) => a - b,
  );
  const rows = curves.map(({ name, unit, points, growth, isFlat }) => [
    name,
    unit,
    ...lengths.map((events) => {
      const point = points.find((one) => one.events === events);
      return point === undefined ? "" : figure(point.value);
    }),
    `${growth.toFixed(2)} ×`,
    isFlat ? "yes" : "NO",
  ]);
  return { heads: ["cost of", "unit", ...lengths.map(countText), "grows", `flat within ${FLAT_WITHIN} ×`], rows };
}

export function curveTable(curves: readonly Curve[]): string {
  const { heads, rows } = curveCells(curves);
  const right = heads.map((_, i) => i > 1 && i < heads.length - 1);
  return table(
    heads.map((head, i) => ({ head, right: right[i] === true })),
    rows,
  );
}
