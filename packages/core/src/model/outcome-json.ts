/** An outcome as the line that `apply` answers. */
import { hex } from "../address.ts";
import { eventToJson, type JsonObject } from "../event-json.ts";
import type { Range } from "../range.ts";
import { rangeToJson } from "../value-json.ts";
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

/** Addresses as `"0x..."`, ranges as `["0xfirst","0xlast"]` (as `range` where there is more to say of them), handles as `"ioas0"`, maps and sets as lists. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return hex(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) return [...value].map(plain);
  if (isRange(value)) {
    const { first, last, ...rest } = value;
    const range = rangeToJson({ first, last });
    return Object.keys(rest).length === 0 ? range : { range, ...rest };
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, isHandle(name, each) ? `${name}${each}` : plain(each)]),
  );
}

function isRange(value: object): value is Range {
  return "first" in value && "last" in value;
}

function isHandle(name: string, value: unknown): boolean {
  return (name === "ioas" || name === "hwpt") && typeof value === "number";
}
