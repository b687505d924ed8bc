/** The answer of `precheck` as JSON. */
import { rangeToJson } from "../value-json.ts";
import type { Conflict, Counterpart } from "./conflict.ts";
import type { PrecheckReport } from "./precheck.ts";

type Json = Readonly<Record<string, unknown>>;

export function precheckToJson({ fits, hosts }: PrecheckReport): Json {
  return {
    fits,
    hosts: hosts.map(({ host, fits, conflicts, omitted, unknown, notes }) => ({
      host,
      fits,
      conflicts: conflicts.map(conflictToJson),
      omitted,
      unknown,
      notes,
    })),
  };
}

function conflictToJson({ range, name, ioas, with: other, device, errno, rule, remedy, isRefusal }: Conflict): Json {
  return {
    range: range === null ? null : rangeToJson(range),
    name,
    ioas,
    with: counterpartToJson(other),
    device,
    errno,
    rule,
    remedy,
    severity: isRefusal ? "refused" : "degraded",
  };
}

function counterpartToJson({ kind, range, value }: Counterpart): Json {
  return { kind, range: range === null ? null : rangeToJson(range), value };
}
