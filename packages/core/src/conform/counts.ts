/** Steps by the name of their operation, as recordings have it. */

/** Without the members that every object has: a broken recording may call an operation `constructor`. */
export function noCounts(): Record<string, number> {
  return Object.create(null);
}
