/** An outcome as the line that `apply` answers. */
import { hex } from "../address.ts";
import { eventToJson, type JsonObject } from "../event-json.ts";
import type { ModelOutcome } from "./model.ts";

/** `version`: of the context behind the call. Fields that have nothing to say are null. */
export function outcomeToJson({ errno, returned, rule, events, out, bug }: ModelOutcome, version: number): JsonObject {
  return {
    version,
    errno,
    rule,
    events: events.map(eventToJson),
    out: out === null ? null : plain(out),
    ...(returned === 0 ? {} : { returned }),
    ...(bug === null ? {} : { bug }),
  };
}

/** Addresses as `"0x..."`, handles as `"ioas0"`, maps and sets as lists. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return hex(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) return [...value].map(plain);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, isHandle(name, each) ? `${name}${each}` : plain(each)]),
  );
}

function isHandle(name: string, value: unknown): boolean {
  return (name === "ioas" || name === "hwpt") && typeof value === "number";
}
