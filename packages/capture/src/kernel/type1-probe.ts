/** Entry and return of the type1 calls of a kprobe trace. */
import { errnoOfNumber, U64_MAX } from "@ioasis/core";
import type { CallContext } from "./call-context.ts";
import { MapLines, RUNS_MAX, UnmapLines } from "./call-lines.ts";
import type { FactWriter } from "./fact-writer.ts";
import type { OpenCall } from "./open-call.ts";
import type { Origin } from "./origin.ts";
import type { ProbeFields } from "./probe-fields.ts";
import { type Type1MapRequest, type Type1Request, type1MapResult, type1UnmapResult } from "./type1-result.ts";

const UNMAP_ALL = 2;

export function beginMap(context: CallContext, fields: ProbeFields, origin: Origin): OpenCall {
  const common = type1Request(fields);
  const va = fields.big("va");
  const request = common === null || va === null ? null : { ...common, va };
  const lines = new MapLines(request?.iova ?? 0n, request?.length ?? 0n);
  return { kind: "vmap", context, origin, request, lines };
}

export function beginUnmap(context: CallContext, fields: ProbeFields, origin: Origin): OpenCall {
  const request = type1Request(fields);
  return { kind: "vunmap", context, origin, request, lines: unmapLines(request) };
}

/** The lines that an unmap may cause: its range, or all. */
export function unmapLines(request: Type1Request | null): UnmapLines {
  if (request === null) return new UnmapLines(0n, 0n);
  const isAll = (request.flags & UNMAP_ALL) !== 0;
  return new UnmapLines(request.iova, isAll ? U64_MAX + 1n : request.iova + request.length);
}

function type1Request(fields: ProbeFields): Type1Request | null {
  const flags = fields.number("flags");
  const iova = fields.big("iova");
  const length = fields.big("size");
  if (flags === null || iova === null || length === null) return null;
  return { flags, iova, length, argsz: fields.number("argsz") };
}

/** Writes what a finished MAP_DMA did; `origin` has the line at which that was known. */
export function endMap(
  writer: FactWriter,
  context: CallContext,
  request: Type1MapRequest | null,
  ret: number,
  lines: MapLines,
  origin: Origin,
): void {
  if (request === null) {
    unread(writer, context, "VFIO_IOMMU_MAP_DMA", ret, origin);
    return;
  }
  if (lines.isOverfull) writer.problem(origin.line, `more than ${RUNS_MAX} runs in one mapping: its runs are left out`);
  const result = type1MapResult(request, ret, lines.isOverfull ? [] : lines.runs);
  if (typeof result === "string") writer.problem(origin.line, result);
  else if (result !== null) {
    if (result.event.type === "IovaMapped") context.noteMapped(result.event.iova, result.event.last);
    writer.call(context, result.event, origin, result.errno);
  }
}

/** `removed`: the size the kernel wrote back; `reach`: last byte that page-table lines show gone. */
export function endUnmap(
  writer: FactWriter,
  context: CallContext,
  request: Type1Request | null,
  ret: number,
  removed: bigint | null,
  reach: bigint | null,
  origin: Origin,
): void {
  if (request === null) {
    unread(writer, context, "VFIO_IOMMU_UNMAP_DMA", ret, origin);
    return;
  }
  const known = removed === 0n ? null : (reach ?? context.endOfMappingAt(request.iova + request.length - 1n));
  const result = type1UnmapResult(request, ret, removed, known);
  if (typeof result === "string") writer.problem(origin.line, result);
  else if (result !== null) {
    const { event } = result;
    if (event.type === "IovaUnmapped" && event.bytes > 0n) context.noteUnmapped(event.iova, event.last);
    writer.call(context, event, origin, result.errno);
  }
}

/** The probe could not read the arguments: a refusal is still a fact, a success is a hole. */
function unread(writer: FactWriter, context: CallContext, call: string, ret: number, origin: Origin): void {
  if (ret < 0) {
    writer.call(context, { type: "CallRefused", call, detail: "arguments not readable" }, origin, errnoOfNumber(-ret));
  } else writer.problem(origin.line, `${call} succeeded, but its arguments are not in the recording`);
}

/** A group joined: the space exists from the first one on; a refused one leaves nothing. */
export function endAttach(writer: FactWriter, call: OpenCall & { kind: "vattach" }, ret: number, origin: Origin): void {
  const { context, group, devices, isFirst } = call;
  if (ret < 0) {
    const name = isFirst ? "VFIO_SET_IOMMU" : "VFIO_GROUP_SET_CONTAINER";
    const detail = `group ${group}`;
    writer.call(context, { type: "CallRefused", call: name, detail }, origin, errnoOfNumber(-ret));
    return;
  }
  if (isFirst || !context.hasSpace) {
    context.hasSpace = true;
    writer.call(context, { type: "IoasAllocated", ioas: null, kernelId: null }, origin);
  }
  context.groups.set(group, devices);
  for (const device of devices) {
    writer.call(context, { type: "DeviceAttached", device, pasid: null, ioas: null, hwpt: null }, origin);
  }
}
