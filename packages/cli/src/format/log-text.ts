/**
 * Events one a line. A log is written as it is read, so the widths are fixed: a cell that needs
 * more takes it.
 */
import { eventToJson, hex, type IoasEvent, type JsonObject, type Recorded, stampToJson } from "@ioasis/core";
import { placeOfEvent, sizeText, sourceToJson } from "@ioasis/history";
import { actorText, rangeSize, rangeText, sourceText, timeText } from "./words.ts";

export function logHeader(context: string): string {
  return `${context}\n${cells("version", "time", "actor", "event", "what")}`;
}

export function logLine({ version, stamp, actor, errno, event }: Recorded): string {
  const refusal = errno === null ? "" : ` ${errno}`;
  return cells(
    String(version),
    timeText(stampToJson(stamp)),
    actorText(actor),
    event.type,
    `${whatText(event)}${refusal}`,
  );
}

function cells(version: string, time: string, actor: string, type: string, what: string): string {
  return `${version.padStart(9)}  ${time.padStart(18)}  ${actor.padEnd(20)}  ${type.padEnd(14)}  ${what}`.trimEnd();
}

function whatText(event: IoasEvent): string {
  const { ioas, iova, last } = placeOfEvent(event);
  const space = ioas ?? "space not told";
  switch (event.type) {
    case "IovaMapped":
      return `${space} ${rangeText(iova, last)} (${rangeSize(iova, last)}) ${event.prot}, ${sourceText(sourceToJson(event.source, event.iova, event.last))}`;
    case "IovaUnmapped": {
      const whole = event.bytes === event.last - event.iova + 1n;
      return `${space} ${rangeText(iova, last)} (${rangeSize(iova, last)})${whole ? "" : `, ${hex(event.bytes)} (${sizeText(event.bytes)}) of it mapped`}`;
    }
    case "MapRefused":
    case "UnmapRefused":
      return `${space} ${iova ?? "any address"} + ${hex(event.length)} (${sizeText(event.length)})`;
    default:
      return fieldsText(eventToJson(event));
  }
}

/** `device=0000:00:05.0 ioas=ioas0`: what is null is left out. */
function fieldsText(json: JsonObject): string {
  return Object.entries(json)
    .filter(([field, value]) => field !== "type" && value !== null)
    .map(([field, value]) => `${field}=${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`)
    .join(" ");
}

function quoted(text: string): string {
  return /[\s"=]/.test(text) || text === "" ? JSON.stringify(text) : text;
}
