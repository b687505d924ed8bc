/** The bytes that `[first, last]` and `[otherFirst, otherLast]` share; they must share some. */
export function sharedRange(
  first: bigint,
  last: bigint,
  otherFirst: bigint,
  otherLast: bigint,
): { readonly first: bigint; readonly last: bigint } {
  let low = first;
  if (otherFirst > low) low = otherFirst;
  let high = last;
  if (otherLast < high) high = otherLast;
  return { first: low, last: high };
}
