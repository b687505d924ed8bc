/**
 * Commands as JSON: `{"command":"MapIova","ioas":"ioas0",...}`. Which field has which form is said once a
 * profile, in a table; docs/commands.md shows the same tables.
 */
import { U64_MAX } from "../address.ts";
import type { JsonObject } from "../event-json.ts";
import { JsonError, u64FromJson } from "../value-json.ts";
import type { ModelCommand } from "./model.ts";

/** `fallback` undefined: the field must be there; null: it may be left out and then is not set. */
export interface Field {
  readonly read: (value: unknown, field: string) => unknown;
  readonly fallback?: unknown;
}

export type CommandTable = Readonly<Record<string, Readonly<Record<string, Field>>>>;

const RANGES_MAX = 65_536;
const BYTES_MAX = 1_048_576;

const U32_MAX = 0xffff_ffff;

export const U64: Field = { read: (value, field) => u64FromJson(value, field, U64_MAX) };
export const U32: Field = {
  read(value, field) {
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= U32_MAX) return value;
    throw new JsonError(`"${field}" is not a whole number from 0 to ${U32_MAX}`);
  },
};
export const TEXT: Field = {
  read(value, field) {
    if (typeof value === "string" && value !== "") return value;
    throw new JsonError(`"${field}" is not a string`);
  },
};
export const FLAG: Field = {
  read(value, field) {
    if (typeof value === "boolean") return value;
    throw new JsonError(`"${field}" is not true or false`);
  },
};
/** `[["0xfirst","0xlast"],...]`, in the caller's order; an end may lie before its beginning. */
export const PAIRS: Field = {
  read: (value, field) =>
    list(value, field, RANGES_MAX).map((pair) => {
      const [first, last] = list(pair, field, 2).map((end) => u64FromJson(end, field, U64_MAX));
      if (first === undefined || last === undefined) throw new JsonError(`"${field}" is not a list of ["0x..","0x.."]`);
      return [first, last];
    }),
};
export const BYTES: Field = {
  read: (value, field) => list(value, field, BYTES_MAX).map((byte) => U32.read(byte, field)),
};

/** May be left out. */
export function optional(field: Field, fallback: unknown = null): Field {
  return { ...field, fallback };
}

/** Null stands for something (a descriptor that is not open). */
export function nullable({ read }: Field): Field {
  return { read: (value, field) => (value === null ? null : read(value, field)) };
}

/**
 * @throws JsonError: no command of the table, a field that is missing, wrong, or none of the command's
 */
export function commandFromJson(json: JsonObject, table: CommandTable): ModelCommand {
  const { command: name } = json;
  const fields = typeof name === "string" && Object.hasOwn(table, name) ? table[name] : undefined;
  if (typeof name !== "string" || fields === undefined)
    throw new JsonError(
      `"command" is ${JSON.stringify(name) ?? "missing"}: one of ${Object.keys(table).join(", ")} is expected`,
    );
  for (const field of Object.keys(json))
    if (field !== "command" && !Object.hasOwn(fields, field))
      throw new JsonError(`${name} has no field "${field}": its fields are ${Object.keys(fields).join(", ")}`);
  const command: Record<string, unknown> = { command: name };
  for (const [field, { read, fallback }] of Object.entries(fields)) {
    const given = json[field];
    if (given === undefined && fallback === undefined) throw new JsonError(`${name} needs "${field}"`);
    const value = given === undefined ? fallback : read(given, field);
    if (given !== undefined || value !== null) command[field] = value;
  }
  return { ...command, command: name };
}

function list(value: unknown, field: string, max: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= max) return value;
  throw new JsonError(`"${field}" is not a list of at most ${max}`);
}
