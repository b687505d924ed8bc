/** The sentences behind a verdict. */
import { type Decimal, formatDecimal, hex, lengthOf, minus, type Stamp, stampToJson } from "@ioasis/core";
import { actorName } from "./actor-name.ts";
import type { ContextIndex } from "./context-index.ts";
import type { EventMark } from "./event-mark.ts";
import type { Fault } from "./fault.ts";
import type { FaultMoment, Reading } from "./fault-moment.ts";
import { sizeText } from "./size-text.ts";

/** `by oracle-135 at 5.653486 (version 630)` */
export function byWhomAndWhen(mark: EventMark): string {
  const by = actorName(mark.actor);
  return `${by === null ? "" : `by ${by} `}${when(mark)}`;
}

export function when({ version, time, clock }: EventMark): string {
  if (clock === null) return `in version ${version}`;
  return `at ${time ?? clock.seconds} (version ${version})`;
}

export function rangeText(first: bigint, last: bigint): string {
  return `${hex(first)}-${hex(last)} (${sizeText(lengthOf(first, last))})`;
}

/** `the device wrote to 0x100000 at 28.381389` */
export function accessText({ access, iova, stamp }: Fault): string {
  const verb = access === "write" ? "wrote to" : access === "read" ? "read from" : "accessed";
  const { time, clock } = stampToJson(stamp);
  const at = clock === null ? "" : ` at ${time ?? clock.seconds}`;
  return `the device ${verb} ${iova === null ? "an address that is not told" : hex(iova)}${at}`;
}

/** Seconds from the event of `version` to the fault, exactly; null where their clocks do not join. */
export function secondsSince(index: ContextIndex, version: number, reading: Reading | null): Decimal | null {
  const stamp = index.chapterOf(version).stamp(version);
  return stamp === null ? null : secondsBetween(stamp, reading);
}

export function secondsBetween(stamp: Stamp, reading: Reading | null): Decimal | null {
  if (reading === null || stamp.clock !== reading.clock) return null;
  return minus(reading.seconds, stamp);
}

const WINDOW_SECONDS = 0.01;

/** A warning where clocks that were joined differ by less than they can be trusted; else nothing. */
export function tooClose(what: string, seconds: Decimal | null, moment: FaultMoment): string[] {
  if (seconds === null || !moment.isJoined) return [];
  const apart = Number(formatDecimal(seconds));
  if (Math.abs(apart) > WINDOW_SECONDS) return [];
  return [
    `${what} is within ${WINDOW_SECONDS * 1000} ms of the fault: two different clocks told these times, so their order is not certain.`,
  ];
}
