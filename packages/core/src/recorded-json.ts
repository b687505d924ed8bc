/** A recorded event as one line of `ioasis log --json`. */
import { type Decimal, parseDecimal } from "./decimal.ts";
import { errnoOfName } from "./errno.ts";
import { eventFromJson, eventToJson, type JsonObject } from "./event-json.ts";
import type { Actor, Recorded, Stamp } from "./events.ts";
import { secondsOfRfc3339, stampToJson } from "./stamp-json.ts";
import { JsonError } from "./value-json.ts";

/** `{"version","epoch","time","clock","actor","errno","event":{"type",...}}`. */
export function recordedToJson({ version, epoch, stamp, actor, errno, event }: Recorded): JsonObject {
  return { version, epoch, ...stampToJson(stamp), actor, errno, event: eventToJson(event) };
}

/**
 * The record that `recordedToJson` wrote; `line` is that of the file it is read from.
 * @throws JsonError which says what of it is not as it should be
 */
export function recordedFromJson(json: JsonObject, line: number): Recorded {
  const { version, epoch, actor, errno, event } = json;
  if (!isPositive(version) || !isPositive(epoch)) throw new JsonError('"version" and "epoch" are not numbers from 1');
  if (!isObject(event)) throw new JsonError('"event" is not an object');
  const refusal = errno === null || errno === undefined ? null : errnoOfName(`${errno}`);
  if (refusal === null && typeof errno === "string") throw new JsonError(`"${errno}" is no errno that is known here`);
  return {
    version,
    epoch,
    stamp: stampFromJson(json),
    actor: actorFromJson(actor),
    errno: refusal,
    line,
    event: eventFromJson(event),
  };
}

function stampFromJson({ time, clock }: JsonObject): Stamp | null {
  if (isObject(clock)) {
    const { name, seconds } = clock;
    const reading = typeof seconds === "string" ? parseDecimal(seconds) : null;
    if (typeof name !== "string" || reading === null) throw new JsonError('"clock" is not {"name","seconds"}');
    return stampOf(name, reading);
  }
  if (time === null || time === undefined) return null;
  const wall = typeof time === "string" ? secondsOfRfc3339(time) : null;
  if (wall === null) throw new JsonError('"time" is not an RFC 3339 time');
  return stampOf("realtime", wall);
}

function stampOf(clock: string, { ticks, decimals }: Decimal): Stamp {
  return { clock, ticks, decimals };
}

function actorFromJson(value: unknown): Actor | null {
  if (value === null || value === undefined) return null;
  if (!isObject(value)) throw new JsonError('"actor" is not an object');
  const text = (field: string): string | null => {
    const part = value[field];
    return typeof part === "string" ? part : null;
  };
  const number = (field: string): number | null => {
    const part = value[field];
    return Number.isSafeInteger(part) ? (part as number) : null;
  };
  return { comm: text("comm"), pid: number("pid"), tid: number("tid"), cpu: number("cpu"), flags: text("flags") };
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
