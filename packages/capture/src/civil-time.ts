/** Calendar digits to seconds, without a clock or a time zone of this machine. */

import { daysOfCivil } from "@ioasis/core";

/**
 * Seconds since 1970 of `YYYY-MM-DD?hh:mm:ss` at `at` of `text` (any one character between day
 * and hour), as if the digits were UTC; null when they are not a date and time.
 */
export function civilSeconds(text: string, at: number): number | null {
  const code = (offset: number): number => text.charCodeAt(at + offset);
  if (code(4) !== 0x2d || code(7) !== 0x2d || code(13) !== 0x3a || code(16) !== 0x3a) return null;
  const number = (offset: number, digits: number): number => {
    let value = 0;
    for (let i = offset; i < offset + digits; i++) {
      const digit = code(i) - 0x30;
      if (!(digit >= 0 && digit <= 9)) return Number.NaN;
      value = value * 10 + digit;
    }
    return value;
  };
  const month = number(5, 2);
  const day = number(8, 2);
  const hour = number(11, 2);
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23)) return null;
  const seconds = daysOfCivil(number(0, 4), month, day) * 86_400 + hour * 3_600 + number(14, 2) * 60 + number(17, 2);
  return Number.isNaN(seconds) ? null : seconds;
}
