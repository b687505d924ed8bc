const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** `4 KiB`, `64 MiB`, `1.5 GiB`: exact where one digit behind the point is enough, rounded otherwise. */
export function sizeText(bytes: bigint): string {
  let unit = 0;
  while (unit < UNITS.length - 1 && bytes >= 1n << BigInt(10 * (unit + 1))) unit++;
  const size = 1n << BigInt(10 * unit);
  if (bytes % size === 0n) return `${bytes / size} ${UNITS[unit]}`;
  const tenths = (bytes * 10n + size / 2n) / size;
  return `${tenths / 10n}.${tenths % 10n} ${UNITS[unit]}`;
}
