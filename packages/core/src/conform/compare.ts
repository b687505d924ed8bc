/** Whether two JSON values without objects in them are the same. */
export function isSame(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((item: unknown, i) => isSame(item, b[i]));
}
