/** The bytes that `[first, last]` and `[otherFirst, otherLast]` share; they must share some. */
export function sharedRange(
  first: bigint,
  last: bigint,
  otherFirst: bigint,
  otherLast: bigint,
): { readonly first: bigint; readonly last: bigint } {
  let range = { first, last };
  if (otherFirst > first) range = { ...range, first: otherFirst };
  if (otherLast < last) range = { ...range, last: otherLast };
  return range;
}
