/** Counts as people write them: `100k`, `1M`, `65535`. */

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6 };
export const COUNT_MAX = 1_000_000_000;

/** Null: no count above 0. */
export function countOf(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text);
  if (match === null) return null;
  const count = Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1);
  return Number.isSafeInteger(count) && count > 0 && count <= COUNT_MAX ? count : null;
}

export function countText(count: number): string {
  if (count >= 1e6 && count % 1e5 === 0) return `${count / 1e6}M`;
  if (count >= 1e3 && count % 100 === 0) return `${count / 1e3}k`;
  return String(count);
}
