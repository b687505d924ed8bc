/** Addresses, ranges and sources of mappings as JSON and back. */
import { hex, type Iova, U64_MAX } from "./address.ts";
import type { Range } from "./range.ts";
import { type Run, SOURCE_KINDS, type Source } from "./source.ts";

/** What was read is JSON, but not what it should be. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

export function rangeToJson({ first, last }: Range): readonly [string, string] {
  return [hex(first), hex(last)];
}

export function rangeFromJson(value: unknown, field: string): Range {
  if (!Array.isArray(value) || value.length !== 2) throw new JsonError(`"${field}" is not a range ["0x..","0x.."]`);
  const [first, last] = value.map((end) => u64FromJson(end, field, U64_MAX) as Iova);
  if (first === undefined || last === undefined || first > last)
    throw new JsonError(`"${field}" ends before it begins`);
  return { first, last };
}

/** A `"0x..."` number of at most `max`. */
export function u64FromJson(value: unknown, field: string, max = U64_MAX): bigint {
  const number = typeof value === "string" && /^0x[0-9a-f]{1,17}$/i.test(value) ? BigInt(value) : -1n;
  if (0n <= number && number <= max) return number;
  throw new JsonError(`"${field}" is not a "0x..." number up to ${hex(max)}`);
}

/** `{"kind":"va","va":"0x..","runs":[["0xiova","0xpaddr","0xlength"],...]}`. */
export function sourceToJson(source: Source): Readonly<Record<string, unknown>> {
  const { kind, runs } = source;
  const tail = runs === undefined ? {} : { runs: runs.map(runToJson) };
  switch (kind) {
    case "va":
      return { kind, va: hex(source.va), ...tail };
    case "file":
      return { kind, fd: source.fd, start: hex(source.start), ...(source.writable ? { writable: true } : {}), ...tail };
    case "dmabuf":
      return { kind, fd: source.fd, start: hex(source.start), ...tail };
    case "gpa":
      return { kind, gpa: hex(source.gpa), ...tail };
    case "paddr":
      return { kind, paddr: hex(source.paddr), ...tail };
    case "copy":
      return { kind, va: hex(source.va), writable: source.writable, ...tail };
    case "unknown":
      return { kind, ...tail };
  }
}

/** @throws JsonError */
export function sourceFromJson(value: unknown): Source {
  if (typeof value !== "object" || value === null) throw new JsonError('"source" is not an object');
  const json = value as Readonly<Record<string, unknown>>;
  const { kind: name, runs, fd, writable } = json;
  const kind = SOURCE_KINDS.find((known) => known === name);
  const tail = runs === undefined ? {} : { runs: runsFromJson(runs) };
  const address = (field: string): bigint => u64FromJson(json[field], field);
  switch (kind) {
    case "va":
      return { kind, va: address("va"), ...tail };
    case "file":
      return {
        kind,
        fd: descriptor(fd),
        start: address("start"),
        ...(writable === true ? { writable } : {}),
        ...tail,
      };
    case "dmabuf":
      return { kind, fd: descriptor(fd), start: address("start"), ...tail };
    case "gpa":
      return { kind, gpa: address("gpa"), ...tail };
    case "paddr":
      return { kind, paddr: address("paddr"), ...tail };
    case "copy":
      return { kind, va: address("va"), writable: writable === true, ...tail };
    case "unknown":
      return { kind, ...tail };
    default:
      throw new JsonError(`${JSON.stringify(name)} is no kind of source`);
  }
}

function descriptor(value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number;
  throw new JsonError('"fd" is not a number');
}

function runToJson({ iova, paddr, length }: Run): readonly [string, string, string] {
  return [hex(iova), hex(paddr), hex(length)];
}

function runsFromJson(value: unknown): Run[] {
  if (!Array.isArray(value)) throw new JsonError('"runs" is not a list');
  return value.map((run: unknown) => {
    if (!Array.isArray(run) || run.length !== 3) throw new JsonError('a run is not ["0xiova","0xpaddr","0xlength"]');
    const [iova, paddr, length] = run.map((part) => u64FromJson(part, "runs")) as [bigint, bigint, bigint];
    return { iova: iova as Iova, paddr, length };
  });
}
