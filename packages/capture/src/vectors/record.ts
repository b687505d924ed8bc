/** One line of a vector file: a call, what went in, what came out. */
import { type ByteLength, type Errno, errnoOfName, type Iova, U64_MAX } from "@ioasis/core";

/** The line is JSON, but not what its operation needs. */
export class MalformedRecord extends Error {}

/** Reads named fields of an `in` or `out` object. u64 are hex strings, ids and flags are numbers. */
export class Fields {
  readonly #where: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(where: string, values: Readonly<Record<string, unknown>>) {
    this.#where = where;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined && this.#values[name] !== null;
  }

  u64(name: string): Iova {
    const value = this.#values[name];
    if (typeof value === "string" && /^0x[0-9a-f]{1,16}$/i.test(value)) return BigInt(value) as Iova;
    return this.#fail(name, 'a "0x..." number of at most 64 bits');
  }

  length(name: string): ByteLength {
    return this.u64(name) as bigint as ByteLength;
  }

  number(name: string): number {
    const value = this.#values[name];
    return Number.isSafeInteger(value) ? (value as number) : this.#fail(name, "a number");
  }

  string(name: string): string {
    const value = this.#values[name];
    return typeof value === "string" ? value : this.#fail(name, "a string");
  }

  /** A string as it is; `""` for anything else. */
  textOf(name: string): string {
    const value = this.#values[name];
    return typeof value === "string" ? value : "";
  }

  /** A stable handle; null where the call was given a raw number. */
  handle(name: string): string | null {
    return this.#values[name] === null ? null : this.string(name);
  }

  /** `[["0xfirst","0xlast"],...]`. */
  ranges(name: string): { first: Iova; last: Iova }[] {
    const value = this.#values[name];
    if (!Array.isArray(value)) return this.#fail(name, "a list of ranges");
    return value.map((pair: unknown) => {
      if (!Array.isArray(pair) || pair.length !== 2) return this.#fail(name, "a list of ranges");
      const ends = new Fields(this.#where, { first: pair[0], last: pair[1] });
      return { first: ends.u64("first"), last: ends.u64("last") };
    });
  }

  /** `iova=0x1000 length=0x1000`: what a refused call was asked, for people. */
  get text(): string {
    return Object.entries(this.#values)
      .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(" ")
      .slice(0, 500);
  }

  #fail(name: string, expected: string): never {
    throw new MalformedRecord(`${this.#where}: "${name}" is not ${expected}`);
  }
}

export interface VectorRecord {
  readonly op: string;
  readonly input: Fields;
  readonly output: Fields;
  readonly errno: Errno | null;
}

export type Meta = Readonly<Record<string, unknown>>;

/** @throws MalformedRecord */
export function parseVectorLine(text: string): VectorRecord | { readonly meta: Meta } {
  const value = parseObject(text);
  const { meta, i, op, in: input, out: output, errno } = value;
  if (isObject(meta)) return { meta };
  if (typeof op !== "string") throw new MalformedRecord('neither "meta" nor "op" in the record');
  const where = typeof i === "number" ? `operation ${i} (${op})` : op;
  if (!isObject(input) || (output !== undefined && !isObject(output)))
    throw new MalformedRecord(`${where}: "in" and "out" are not objects`);
  if (errno !== 0 && typeof errno !== "string") throw new MalformedRecord(`${where}: "errno" is neither 0 nor a name`);
  return {
    op,
    input: new Fields(where, input),
    output: new Fields(where, output ?? {}),
    errno: errno === 0 ? null : (errnoOfName(errno) ?? "UNKNOWN"),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedRecord("not a whole JSON object");
  }
  if (isObject(value)) return value;
  throw new MalformedRecord("not a JSON object");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The last byte of `length` bytes from `start`, or null when there is none (empty, or it wraps). */
export function lastByte(start: bigint, length: bigint): Iova | null {
  return length === 0n || start + length - 1n > U64_MAX ? null : ((start + length - 1n) as Iova);
}
