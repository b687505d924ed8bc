/** What a figure has to reach, and whether it did. */

/** One condition on the value itself or on its ratio to the peer's. */
export interface Goal {
  readonly of: "value" | "ratio";
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** All of them have to hold. */
export type Target = readonly Goal[];

/** `≥ 1,000,000 events/s and ≥ 20 ×`. */
export function targetText(target: Target, unit: string): string {
  return target
    .map(({ of, atLeast, atMost }) => {
      const bound = atLeast ?? atMost ?? 0;
      return `${atLeast === undefined ? "≤" : "≥"} ${bound.toLocaleString("en")} ${of === "ratio" ? "×" : unit}`;
    })
    .join(" and ");
}

/** Null: a condition on the ratio, and no peer to have one. */
export function metBy(
  target: Target,
  { value, ratio }: { readonly value: number; readonly ratio: number | null },
): boolean | null {
  let isUnknown = false;
  for (const { of, atLeast, atMost } of target) {
    const figure = of === "value" ? value : ratio;
    if (figure === null) isUnknown = true;
    else if (figure < (atLeast ?? -Infinity) || figure > (atMost ?? Infinity)) return false;
  }
  return isUnknown ? null : true;
}
