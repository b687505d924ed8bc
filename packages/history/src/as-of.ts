/** `--at`: from what a person says about a moment to the version that was then. */
import { type Decimal, formatDecimal, IoasisError, parseDecimal, secondsOfRfc3339 } from "@ioasis/core";
import type { ContextInfo, Journal } from "@ioasis/store";
import { joinClock } from "./clock-join.ts";
import { type Clocks, clocksOf, versionAtTime } from "./clocks.ts";

const CLOCK_AND_SECONDS = /^([A-Za-z][\w.-]*):(\d+(?:\.\d+)?)$/;

/**
 * The version that `spec` means: a number, `@TIME` (RFC 3339, seconds of the recording's clock, or
 * `@CLOCK:SECONDS`), a bookmark's name; undefined is the head. A time means the last event at or before it.
 *
 * @throws IoasisError ERR_NO_CONTEXT; ERR_VERSION beyond the head; ERR_USAGE for what is no version, time or bookmark
 */
export function versionAt(journal: Journal, context: string, spec: string | undefined): number {
  const info = journal.context(context);
  if (info === null)
    throw new IoasisError("ERR_NO_CONTEXT", `${context}: the journal has no such context`, { context });
  const head = info.head.version;
  // What follows the last intact version is unknown: so is "now", and whatever may lie behind it.
  if (info.damagedFrom !== null && (spec === undefined || Number(spec) >= info.damagedFrom)) throw damaged(info);
  if (spec === undefined) return head;
  if (/^[-+]?\d+$/.test(spec)) return numbered(spec, head, context);
  const version = spec.startsWith("@") ? timed(journal, context, spec) : bookmarked(journal, context, spec);
  if (info.damagedFrom !== null && version === head) throw damaged(info);
  return version;
}

function damaged({ name, damagedFrom, head }: ContextInfo): IoasisError {
  return new IoasisError(
    "ERR_DAMAGED",
    `context "${name}" is damaged from version ${damagedFrom} on: ask for a version up to ${head.version}, or restore the journal (ioasis verify says where)`,
    { context: name, version: damagedFrom ?? 0 },
  );
}

function numbered(spec: string, head: number, context: string): number {
  const version = Number(spec);
  if (Number.isSafeInteger(version) && version >= 0 && version <= head) return version;
  throw new IoasisError("ERR_VERSION", `version ${spec}: ${context} has the versions 0 ... ${head}`, { context, head });
}

function timed(journal: Journal, context: string, spec: string): number {
  const text = spec.slice(1);
  const clocks = clocksOf(journal, context);
  const realtime = secondsOfRfc3339(text);
  if (realtime !== null) return atWallClock(journal, context, spec, clocks, realtime);
  const named = CLOCK_AND_SECONDS.exec(text);
  const seconds = parseDecimal(named?.[2] ?? text);
  if (seconds === null || seconds.ticks < 0n)
    throw refuse(
      spec,
      "no time; write @2026-01-31T12:00:00Z, @63113.338894 (seconds of the recording's clock) or @CLOCK:SECONDS",
    );
  const clock = named?.[1] ?? theClock(spec, clocks);
  if (!clocks.all.includes(clock)) throw refuse(spec, `${context} has no clock "${clock}"; ${known(clocks.all)}`);
  return versionAtTime(journal, context, clock, seconds);
}

/** The one clock of the mappings, or of anything where no mapping has a time. */
function theClock(spec: string, clocks: Clocks): string {
  const candidates = clocks.ofMappings.length > 0 ? clocks.ofMappings : clocks.all;
  const [only, second] = candidates;
  if (only === undefined) throw refuse(spec, "the recording has no times; give a version");
  if (second === undefined) return only;
  throw refuse(
    spec,
    `several clocks tell the time here, say which: ${candidates.map((clock) => `@${clock}:SECONDS`).join(" or ")}`,
  );
}

function atWallClock(journal: Journal, context: string, spec: string, clocks: Clocks, seconds: Decimal): number {
  const candidates = clocks.ofMappings.length > 0 ? clocks.ofMappings : clocks.all;
  const joined = joinClock({ clock: "realtime", ...seconds }, candidates, clocks.anchors);
  if (joined !== null) return versionAtTime(journal, context, joined.clock, joined.seconds);
  throw refuse(
    spec,
    `${context} knows no wall-clock time (it is ${formatDecimal(seconds)} s since 1970); ${known(clocks.all)}`,
  );
}

function bookmarked(journal: Journal, context: string, spec: string): number {
  const { bookmarks } = journal.state(context);
  const version = bookmarks.get(spec);
  if (version !== undefined) return version;
  const names = [...bookmarks.keys()];
  const some = names
    .slice(0, 8)
    .map((name) => JSON.stringify(name))
    .join(", ");
  const list = names.length === 0 ? "there is none" : names.length > 8 ? `${some}, ...` : some;
  throw refuse(spec, `no version, no @TIME and no bookmark of ${context} (bookmarks: ${list})`);
}

function known(clocks: readonly string[]): string {
  return clocks.length === 0 ? "its events have no times, give a version" : `its clocks are ${clocks.join(", ")}`;
}

function refuse(spec: string, why: string): IoasisError {
  return new IoasisError("ERR_USAGE", `${JSON.stringify(spec)}: ${why}`, { at: spec });
}
