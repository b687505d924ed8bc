/**
 * Readings of clocks as JSON: RFC 3339 beside the source's own clock and digits.
 *
 * Wall-clock time is arithmetic on the proleptic Gregorian calendar (days from civil), so that it is
 * exact to the last printed digit and needs no clock of the machine.
 */
import { type Decimal, formatDecimal, parseDecimal, plus, ticksAt } from "./decimal.ts";
import type { Stamp } from "./events.ts";

export interface ClockJson {
  readonly name: string;
  /** Seconds with the source's exact digits, `"327.747766"`. */
  readonly seconds: string;
}

/** `time` is RFC 3339 where the clock is the wall clock, else null. */
export interface StampJson {
  readonly time: string | null;
  readonly clock: ClockJson | null;
}

export function stampToJson(stamp: Stamp | null): StampJson {
  if (stamp === null) return { time: null, clock: null };
  return {
    time: stamp.clock === "realtime" ? rfc3339(stamp) : null,
    clock: { name: stamp.clock, seconds: formatDecimal(stamp) },
  };
}

const SECONDS_PER_DAY = 86_400n;

/** `2026-01-02T03:04:05.678901Z` for seconds since 1970, with the digits that were given. */
export function rfc3339(seconds: Decimal): string {
  const whole = ticksAt(seconds, 0);
  const fraction = seconds.ticks - whole * 10n ** BigInt(seconds.decimals);
  const days = whole / SECONDS_PER_DAY - (whole % SECONDS_PER_DAY < 0n ? 1n : 0n);
  const secondOfDay = Number(whole - days * SECONDS_PER_DAY);
  const { year, month, day } = civilOfDays(Number(days));
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  const time = `${two(Math.floor(secondOfDay / 3600))}:${two(Math.floor(secondOfDay / 60) % 60)}:${two(secondOfDay % 60)}`;
  const tail = seconds.decimals === 0 ? "" : `.${fraction.toString().padStart(seconds.decimals, "0")}`;
  return `${date}T${time}${tail}Z`;
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(\.\d{1,18})?(?:([Zz])|([+-])(\d\d):(\d\d))$/;

/** Seconds since 1970 of an RFC 3339 time (a zone is required); null when it is none. */
export function secondsOfRfc3339(text: string): Decimal | null {
  const match = RFC_3339.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const days = daysOfCivil(year, month, day);
  const back = civilOfDays(days);
  if (back.year !== year || back.month !== month || back.day !== day) return null;
  if (hour > 23 || minute > 59 || second > 60) return null;
  const offset = match[9] === undefined ? 0 : (Number(match[10]) * 60 + Number(match[11])) * 60;
  const zone = match[9] === "-" ? -offset : offset;
  const whole = BigInt(days) * SECONDS_PER_DAY + BigInt(hour * 3600 + minute * 60 + second - zone);
  const fraction = parseDecimal(`0${match[7] ?? ""}`);
  return fraction === null ? null : plus({ ticks: whole, decimals: 0 }, fraction);
}

/** Years begin in March here, so that a leap day is the last of its year; 400 years are 146,097 days. */
function civilOfDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** Days from 1970-01-01 to a day of the proleptic Gregorian calendar (month and day from 1). */
export function daysOfCivil(year: number, month: number, day: number): number {
  const shiftedYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(shiftedYear / 400);
  const yearOfEra = shiftedYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
