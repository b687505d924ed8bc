/** Small questions about decoded values: is it what this field may hold? */
import { PROFILE_NAMES, U64_MAX } from "@ioasis/core";

/** Handles are dense and state is made for each, so a large one would be an order to allocate. */
export const HANDLE_MAX = 0x3ffff;

export type Check = (value: unknown) => boolean;

export const text: Check = (value) => typeof value === "string";
export const flag: Check = (value) => typeof value === "boolean";
export const number: Check = (value) => Number.isSafeInteger(value);
export const handle: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= HANDLE_MAX;
export const address: Check = (value) => typeof value === "bigint" && value >= 0n && value <= U64_MAX;
export const bytes: Check = (value) => typeof value === "bigint" && value >= 0n && value <= U64_MAX + 1n;
export const access: Check = (value) => value === "read" || value === "write" || value === "unknown";
export const mode: Check = (value) => value === "user" || value === "mm";
export const profile: Check = (value) => PROFILE_NAMES.some((name) => name === value);
/** Objects and lists of a `DriverChange` within each other. */
const DEPTH_MAX = 8;
export const change: Check = (value) =>
  typeof value === "object" && value !== null && "type" in value && text(value.type) && isPlain(value, 0);

function isPlain(value: unknown, depth: number): boolean {
  if (value === null || typeof value !== "object")
    return value === null || ["string", "number", "bigint", "boolean"].includes(typeof value);
  return depth < DEPTH_MAX && Object.values(value).every((each) => isPlain(each, depth + 1));
}

export const range: Check = (value) => {
  if (typeof value !== "object" || value === null) return false;
  const { first, last } = value as Record<string, unknown>;
  return address(first) && address(last) && (first as bigint) <= (last as bigint) && Object.keys(value).length === 2;
};
export const ranges: Check = (value) => Array.isArray(value) && value.every(range);
export const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
export const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

export const i64: Check = (value) => typeof value === "bigint" && BigInt.asIntN(64, value) === value;
export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
/** A list of exactly these. */
export const tupleOf =
  (...checks: readonly Check[]): Check =>
  (value) =>
    Array.isArray(value) && value.length === checks.length && checks.every((check, i) => check(value[i]));
export const oneOf =
  (...words: readonly unknown[]): Check =>
  (value) =>
    words.includes(value);
export const recordOf =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    recordProblem(value, fields) === null;

/** What is wrong with `value` as a record of exactly `fields` (beside `type`), or null. */
export function recordProblem(value: unknown, fields: Readonly<Record<string, Check>>): string | null {
  if (typeof value !== "object" || value === null) return "it is no record";
  const record = value as Readonly<Record<string, unknown>>;
  for (const [name, check] of Object.entries(fields)) if (!check(record[name])) return `field ${name} is wrong`;
  for (const name of Object.keys(record))
    if (name !== "type" && !Object.hasOwn(fields, name)) return `field ${name} is unknown`;
  return null;
}
