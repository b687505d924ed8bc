/** Entry and return of the iommufd calls of a kprobe trace. */
import type { CallContext } from "./call-context.ts";
import { MapLines, RUNS_MAX, UnmapLines } from "./call-lines.ts";
import type { FactWriter } from "./fact-writer.ts";
import { iommufdMapResult, iommufdUnmapResult } from "./iommufd-result.ts";
import type { OpenCall } from "./open-call.ts";
import type { Origin } from "./origin.ts";
import type { ProbeFields } from "./probe-fields.ts";
import type { CallResult } from "./type1-result.ts";

const FIXED_IOVA = 1;

/** Null: the probe could not read the arguments. */
export function beginIommufdMap(context: CallContext, fields: ProbeFields, origin: Origin): OpenCall | null {
  const flags = fields.number("flags");
  const ioas = fields.number("ioas");
  const va = fields.big("va");
  const length = fields.big("len");
  const iova = fields.big("iova");
  if (flags === null || ioas === null || va === null || length === null || iova === null) return null;
  const lines = new MapLines((flags & FIXED_IOVA) === 0 ? null : iova, length);
  return { kind: "imap", context, origin, request: { flags, ioas, iova, length, source: { kind: "va", va } }, lines };
}

export function beginIommufdUnmap(context: CallContext, fields: ProbeFields, origin: Origin): OpenCall | null {
  const ioas = fields.number("ioas");
  const iova = fields.big("iova");
  const length = fields.big("len");
  if (ioas === null || iova === null || length === null) return null;
  return {
    kind: "iunmap",
    context,
    origin,
    request: { ioas, iova, length },
    lines: new UnmapLines(iova, iova + length),
  };
}

/** `iova`: what the kernel wrote back. */
export function endIommufdMap(
  writer: FactWriter,
  { context, request, lines }: OpenCall & { kind: "imap" },
  ret: number,
  iova: bigint | null,
  origin: Origin,
): void {
  if (lines.isOverfull) writer.problem(origin.line, `more than ${RUNS_MAX} runs in one mapping: its runs are left out`);
  const runs = lines.isOverfull ? [] : lines.runs;
  write(writer, context, iommufdMapResult(request, ret, iova ?? request.iova, runs), origin);
}

/** `removed`: the length the kernel wrote back. */
export function endIommufdUnmap(
  writer: FactWriter,
  { context, request }: OpenCall & { kind: "iunmap" },
  ret: number,
  removed: bigint | null,
  origin: Origin,
): void {
  write(writer, context, iommufdUnmapResult(request, ret, removed ?? request.length), origin);
}

function write(writer: FactWriter, context: CallContext, result: CallResult | string, origin: Origin): void {
  if (typeof result === "string") writer.problem(origin.line, result);
  else writer.call(context, result.event, origin, result.errno);
}
