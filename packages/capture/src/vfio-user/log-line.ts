/**
 * The frame of a line of SPDK's log, which carries libvfio-user's messages too:
 *
 *     [2021-05-04 10:25:25.311034] vfio_user.c:1476:vfio_user_log: *DEBUG*: /var/tmp: adding DMA region ...
 *
 * The time is local and names no zone, so that it is a clock of its own (`localtime`: the printed
 * digits counted from 1970).
 */
import type { Stamp } from "@ioasis/core";
import { civilSeconds } from "../civil-time.ts";

const DATE_LENGTH = "YYYY-MM-DD hh:mm:ss".length;
const FRAME = /^\s*\S+\.c: *\d+:\s*[A-Za-z_]\w*: \*{1,3}[A-Z]+\*{1,3}:? /;

export interface LogLine {
  readonly stamp: Stamp | null;
  /** Whether source file, line, function and level are there. */
  readonly isFramed: boolean;
  /** What follows. */
  readonly message: string;
}

export function readLogLine(text: string): LogLine {
  const { stamp, length } = readStamp(text);
  const rest = length === 0 ? text : text.slice(length);
  const frame = FRAME.exec(rest);
  const message = frame === null ? rest.trimStart() : rest.slice(frame[0].length);
  return { stamp, isFramed: frame !== null, message };
}

function readStamp(text: string): { stamp: Stamp | null; length: number } {
  const none = { stamp: null, length: 0 };
  if (text.charCodeAt(0) !== 0x5b) return none;
  const close = text.indexOf("]");
  const seconds = civilSeconds(text, 1);
  if (seconds === null || close < 0) return none;
  const fraction = text.slice(1 + DATE_LENGTH, close);
  if (!/^(?:\.\d{1,9})?$/.test(fraction)) return none;
  const digits = fraction.slice(1);
  const ticks = BigInt(seconds) * 10n ** BigInt(digits.length) + BigInt(digits || 0);
  return { stamp: { clock: "localtime", ticks, decimals: digits.length }, length: close + 1 };
}
