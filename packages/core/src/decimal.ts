/**
 * Exact decimal numbers: `ticks / 10^decimals`. Clocks print decimals, and a difference of two
 * readings must have the digits that a person gets who subtracts what was printed.
 */
export interface Decimal {
  readonly ticks: bigint;
  readonly decimals: number;
}

const DECIMAL = /^(-?)(\d{1,20})(?:\.(\d{1,18}))?$/;

/** `63113.338894`, `-1`, `0.5`; null for anything else. */
export function parseDecimal(text: string): Decimal | null {
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const fraction = match[3] ?? "";
  const ticks = BigInt(`${match[2]}${fraction}`);
  return { ticks: match[1] === "-" ? -ticks : ticks, decimals: fraction.length };
}

/** With all its digits behind the point. */
export function formatDecimal({ ticks, decimals }: Decimal): string {
  const digits = (ticks < 0n ? -ticks : ticks).toString().padStart(decimals + 1, "0");
  const sign = ticks < 0n ? "-" : "";
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** The ticks of `value` at another number of decimals, rounded down where digits are lost. */
export function ticksAt(value: Decimal, decimals: number): bigint {
  if (decimals >= value.decimals) return value.ticks * 10n ** BigInt(decimals - value.decimals);
  const unit = 10n ** BigInt(value.decimals - decimals);
  const quotient = value.ticks / unit;
  return value.ticks < 0n && quotient * unit !== value.ticks ? quotient - 1n : quotient;
}

export function plus(a: Decimal, b: Decimal): Decimal {
  const decimals = Math.max(a.decimals, b.decimals);
  return { ticks: ticksAt(a, decimals) + ticksAt(b, decimals), decimals };
}

export function minus(a: Decimal, b: Decimal): Decimal {
  return plus(a, { ticks: -b.ticks, decimals: b.decimals });
}
