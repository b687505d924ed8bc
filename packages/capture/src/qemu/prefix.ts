/**
 * What stands before the event on a line of a QEMU log (scripts/tracetool/backend/log.py and
 * syslog.py, util/error-report.c).
 *
 * | written by | form |
 * |---|---|
 * | `-msg timestamp=on` up to 10.0, always up to 5.2 | `<tid>@<sec>.<usec>:event` |
 * | `-msg timestamp=on` from 10.1, error messages of every release | `2025-07-21T18:43:28.089797Z event` |
 * | without | `event` |
 * | syslog, journal | `<month> <day> <time> <host> <program>[<pid>]: ` before any of these |
 *
 * All three may stand in one file. Samples out of mails are indented.
 */
import type { Actor, Stamp } from "@ioasis/core";
import { civilSeconds } from "../civil-time.ts";
import type { TraceLine } from "./trace-line.ts";

const MICROSECOND_DECIMALS = 6;
/** A date that names no year (and its month in the language of the machine), host, program. */
const SYSLOG = /^\S+ +\d{1,2} \d\d:\d\d:\d\d \S+ (\S+?)\[(\d+)\]: */;
/** Host and program behind a full date (`journalctl -o short-iso`). */
const PROGRAM = /^\S+ (\S+?)\[(\d+)\]: */;

export class Prefix {
  #tid = -1;
  #actor: Actor | null = null;

  /** Moves `line.at` to the event and sets the line's stamp and actor. */
  read(line: TraceLine): void {
    const { text } = line;
    let at = 0;
    while (isBlank(text.charCodeAt(at))) at++;
    line.at = at;
    if (!isDigit(text.charCodeAt(at))) {
      // Neither an event nor a program's name is followed by a blank and a day of the month.
      const blank = text.indexOf(" ", at);
      if (blank < 0 || !startsDay(text, blank)) return;
      if (!this.#syslog(line)) return;
    }
    if (!this.#thread(line)) this.#iso(line);
  }

  /** `<tid>@<sec>.<usec>:` */
  #thread(line: TraceLine): boolean {
    const { text } = line;
    let at = line.at;
    let tid = 0;
    for (; isDigit(text.charCodeAt(at)); at++) tid = tid * 10 + text.charCodeAt(at) - 0x30;
    if (text.charCodeAt(at) !== 0x40 || at === line.at) return false;
    let ticks = 0;
    for (at++; isDigit(text.charCodeAt(at)); at++) ticks = ticks * 10 + text.charCodeAt(at) - 0x30;
    if (text.charCodeAt(at) !== 0x2e) return false;
    const point = at;
    for (at++; isDigit(text.charCodeAt(at)); at++) ticks = ticks * 10 + text.charCodeAt(at) - 0x30;
    if (text.charCodeAt(at) !== 0x3a || at - point !== MICROSECOND_DECIMALS + 1) return false;
    if (!Number.isSafeInteger(ticks)) return false;
    line.stamp = { clock: "realtime", ticks: BigInt(ticks), decimals: MICROSECOND_DECIMALS };
    if (tid !== this.#tid || this.#actor === null) {
      this.#tid = tid;
      this.#actor = { comm: null, pid: null, tid, cpu: null, flags: null };
    }
    line.actor = this.#actor;
    line.at = skipBlanks(text, at + 1);
    return true;
  }

  /** `2025-07-21T18:43:28.089797Z `, UTC (g_date_time_format_iso8601). */
  #iso(line: TraceLine): void {
    const { text } = line;
    const start = line.at;
    if (text.charCodeAt(start + 10) !== 0x54) return;
    const seconds = civilSeconds(text, start);
    if (seconds === null) return;
    let at = start + 19;
    let fraction = "";
    if (text.charCodeAt(at) === 0x2e) {
      const point = at;
      for (at++; isDigit(text.charCodeAt(at)); at++);
      fraction = text.slice(point + 1, at);
    }
    const zone = zoneSeconds(text, at);
    if (zone === null) return;
    line.stamp = isoStamp(seconds - zone.seconds, fraction);
    line.at = skipBlanks(text, at + zone.length);
    const program = zone.length === 1 ? null : PROGRAM.exec(text.slice(line.at));
    if (program !== null) this.#program(line, program);
  }

  /** The date names neither year nor zone, so that it is no stamp. */
  #syslog(line: TraceLine): boolean {
    const match = SYSLOG.exec(line.at === 0 ? line.text : line.text.slice(line.at));
    if (match === null) return false;
    this.#program(line, match);
    return true;
  }

  #program(line: TraceLine, match: RegExpExecArray): void {
    line.at += match[0].length;
    line.actor = { comm: match[1] as string, pid: Number(match[2]), tid: null, cpu: null, flags: null };
  }
}

function isoStamp(seconds: number, fraction: string): Stamp {
  const decimals = fraction.length;
  return { clock: "realtime", ticks: BigInt(seconds) * 10n ** BigInt(decimals) + BigInt(fraction || 0), decimals };
}

/** `Z`, `+hh:mm` or `+hhmm` at `at`. */
function zoneSeconds(text: string, at: number): { seconds: number; length: number } | null {
  if (text.charCodeAt(at) === 0x5a) return { seconds: 0, length: 1 };
  const match = /^([+-])(\d\d):?(\d\d) /.exec(text.slice(at, at + 7));
  if (match === null) return null;
  const seconds = Number(match[2]) * 3_600 + Number(match[3]) * 60;
  return { seconds: match[1] === "-" ? -seconds : seconds, length: match[0].length - 1 };
}

function startsDay(text: string, blank: number): boolean {
  const at = skipBlanks(text, blank);
  if (!isDigit(text.charCodeAt(at))) return false;
  return text.charCodeAt(at + 1) === 0x20 || text.charCodeAt(at + 2) === 0x20;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at++;
  return at;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
