/**
 * A kernel log: its DMA faults, the faults it says that it did not print, and clock anchors.
 * Every other line of it is recognised and is no fact.
 */
import { type Errno, formatDecimal, type ObservedEvent, type Stamp } from "@ioasis/core";
import type { Decoder, FactSink } from "../decoder.ts";
import { FAULT_TEXT_MAX, type FaultLine } from "./fault-line.ts";
import { FaultScanner } from "./fault-scanner.ts";
import { hasDmesgPrefix, stampOf } from "./prefix.ts";

const SUPPRESSED = /\b(\w*(?:dmar|iommu|smmu)\w*): (\d+) callbacks suppressed/;
/** drivers/iommu/intel/iommu.c intel_iommu_map, which then returns -EFAULT. */
const TOO_NARROW = /intel_iommu_map: (iommu width \(\d+\) is not sufficient for the mapped address \([0-9a-f]+\))/;
/** What the recorder writes into /dev/kmsg to tie the two clocks together. */
const SYNC = /\bioasis_sync realtime=(\d{1,12}\.\d{1,9})\b/;

export function dmesgDecoder(): Decoder {
  let current: FactSink | null = null;
  const scanner = new FaultScanner((line, reason) => current?.problem(line, reason));
  const report = (faults: readonly FaultLine[], sink: FactSink): void => {
    for (const fault of faults) sink.fact(fact(faultReported(fault), fault.stamp, fault.line));
  };
  return {
    format: "dmesg",
    line({ text, number }, sink) {
      current = sink;
      report(scanner.line(text, number), sink);
      for (const event of otherEvents(text.slice(0, FAULT_TEXT_MAX)))
        sink.fact(fact(event, stampOf(text.slice(0, FAULT_TEXT_MAX)), number, errnoOf(event)));
    },
    end(sink) {
      current = sink;
      report(scanner.end(), sink);
    },
  };
}

/** Whether a line looks like one of a kernel log: by its prefix, or because it tells a fault. */
export function looksLikeDmesg(text: string): boolean {
  if (hasDmesgPrefix(text)) return true;
  return /\b(?:DMAR|AMD-Vi|arm-smmu\S*|virtio_iommu)\b.*:|^dmar(?:_fault)?: /.test(text);
}

/** The fact that a fault is. */
export function faultReported({ format, device, pasid, iova, access, reason }: FaultLine): ObservedEvent {
  return { type: "FaultReported", format, device, pasid, iova, access, reason };
}

function otherEvents(text: string): ObservedEvent[] {
  if (text.includes("callbacks suppressed")) {
    const match = SUPPRESSED.exec(text);
    if (match !== null)
      return [{ type: "EventsLost", count: Number(match[2]), what: `faults not printed (rate limit of ${match[1]})` }];
  }
  if (text.includes("iommu width")) {
    const match = TOO_NARROW.exec(text);
    if (match !== null) return [{ type: "CallRefused", call: "intel_iommu_map", detail: match[1] as string }];
  }
  const sync = text.includes("ioasis_sync") ? SYNC.exec(text) : null;
  const stamp = sync === null ? null : stampOf(text);
  if (sync === null || stamp === null) return [];
  return [{ type: "ClockAnchored", clock: "dmesg", seconds: formatDecimal(stamp), realtime: sync[1] as string }];
}

function errnoOf(event: ObservedEvent): Errno | null {
  return event.type === "CallRefused" ? "EFAULT" : null;
}

function fact(event: ObservedEvent, stamp: Stamp | null, line: number, errno: Errno | null = null) {
  return { context: "", profile: "unknown", event, errno, stamp, actor: null, line } as const;
}
