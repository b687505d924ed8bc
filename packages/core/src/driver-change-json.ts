/** A driver's own event as JSON: an address is `"0x..."` and every such word an address; the rest is itself. */
import { hex } from "./address.ts";
import type { DriverChange } from "./events.ts";
import { JsonError } from "./value-json.ts";

/** Objects and lists within each other. */
const DEPTH_MAX = 8;

export function changeToJson(change: DriverChange): unknown {
  return withAddresses(change, (value) => (typeof value === "bigint" ? hex(value) : value), 0);
}

/** @throws JsonError */
export function changeFromJson(value: unknown, field: string): DriverChange {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isRecord || !("type" in value) || typeof value.type !== "string")
    throw new JsonError(`"${field}" is not an object with a "type"`);
  return withAddresses(value, addressOf, 0) as DriverChange;
}

function addressOf(value: unknown): unknown {
  return typeof value === "string" && /^0x[0-9a-f]{1,17}$/i.test(value) ? BigInt(value) : value;
}

function withAddresses(value: unknown, convert: (value: unknown) => unknown, depth: number): unknown {
  if (depth > DEPTH_MAX) throw new JsonError(`lists within each other more than ${DEPTH_MAX} deep`);
  if (Array.isArray(value)) return value.map((each) => withAddresses(each, convert, depth + 1));
  if (typeof value !== "object" || value === null) return convert(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, withAddresses(each, convert, depth + 1)]),
  );
}
