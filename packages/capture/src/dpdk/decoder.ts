/**
 * What DPDK's and SPDK's own VFIO code prints around VFIO_IOMMU_MAP_DMA and VFIO_IOMMU_UNMAP_DMA
 * (lib/eal/linux/eal_vfio.c; SPDK's lib/env_dpdk/memory.c and, long ago, lib/vhost).
 *
 * The size of an unmap is what the kernel gave back and not what was asked: `size: 0x0, ret: 0` is a
 * call that succeeded and unmapped nothing. It is kept as the fact it is, and reported as drift.
 */
import {
  iova as asIova,
  byteLength,
  type Errno,
  errnoOfName,
  errnoOfNumber,
  type Fact,
  fits,
  lastOf,
  type ObservedEvent,
  type Source,
  UNKNOWN_SOURCE,
} from "@ioasis/core";
import type { Decoder, FactSink } from "../decoder.ts";
import type { Line } from "../line.ts";
import { translationFault } from "../vfio-user/decoder.ts";
import { type LogLine, readLogLine } from "../vfio-user/log-line.ts";
import { readRegionMessage } from "../vfio-user/region-message.ts";

const CONTEXT = "";
const PROFILE = "vfio-type1v2";
const QUOTED_MAX = 80;

const MAP =
  /\bDPDK dma_map vaddr: (0x[0-9a-f]{1,16}), iova: (0x[0-9a-f]{1,16}), size: (0x[0-9a-f]{1,16}), ret[:=] ?(-?\d+)(.*)/;
const UNMAP =
  /\bDPDK dma_unmap (?:vaddr: 0x[0-9a-f]+, )?iova: (0x[0-9a-f]{1,16}), size: (0x[0-9a-f]{1,16}), ret[:=] ?(-?\d+)(.*)/;
const ERRNO = /errno was set to (E[A-Z0-9]+)/;
const UNEXPECTED = /Unexpected size (\d+) of DMA remapping cleared instead of (\d+)/;
/** `Cannot set up DMA remapping, error 22 (Invalid argument)` of DPDK, `... DMA mapping` of SPDK. */
const FAILED = /[Cc]annot (set up|clear) DMA (?:re)?mapping, error (\d+) \(/;
/** SPDK's next line says which region that was. */
const REGION =
  /Failed to (un)?map region .*vaddr=(0x[0-9a-f]{1,16}) phys_addr=(0x[0-9a-f]{1,16}) len=(0x[0-9a-f]{1,16})/;
const RECOGNISED = /^(?:EAL: |TELEMETRY: |DPDK |Registering VM memory )/;

export function dpdkDecoder(): Decoder {
  return new DpdkDecoder();
}

export function looksLikeDpdk(line: string): boolean {
  const { isFramed, message } = readLogLine(line);
  return RECOGNISED.test(message) || (isFramed && (FAILED.test(message) || REGION.test(message)));
}

interface HeldFailure {
  readonly direction: "map" | "unmap";
  readonly errno: Errno;
  readonly stamp: Fact["stamp"];
  readonly line: number;
}

class DpdkDecoder implements Decoder {
  readonly format = "dpdk";
  /** A failure whose region the next line may name. */
  #failure: HeldFailure | null = null;

  line({ text, number }: Line, sink: FactSink): void {
    if (text.trim() === "") return;
    const log = readLogLine(text);
    const region = REGION.exec(log.message);
    if (region === null) this.#settle(sink);
    const isKnown =
      region === null ? this.#call(log, number, sink) : this.#failedRegion(region, log.stamp, number, sink);
    if (isKnown || RECOGNISED.test(log.message) || log.isFramed || log.stamp !== null) return;
    sink.problem(number, `no line of DPDK or SPDK: ${text.slice(0, QUOTED_MAX)}`);
  }

  end(sink: FactSink): void {
    this.#settle(sink);
  }

  #call(log: LogLine, number: number, sink: FactSink): boolean {
    const emit = (event: ObservedEvent, errno: Errno | null = null, drift?: Fact["drift"]): boolean => {
      const fact: Fact = {
        context: CONTEXT,
        profile: PROFILE,
        event,
        errno,
        stamp: log.stamp,
        actor: null,
        line: number,
      };
      sink.fact(drift === undefined ? fact : { ...fact, drift });
      return true;
    };
    const map = MAP.exec(log.message);
    if (map !== null) return emit(...mapCall(map));
    const unmap = UNMAP.exec(log.message);
    if (unmap !== null) return emit(...unmapCall(unmap));
    const unexpected = UNEXPECTED.exec(log.message);
    if (unexpected !== null) return emit(...unexpectedSize(unexpected));
    const failed = FAILED.exec(log.message);
    if (failed !== null) {
      const direction = failed[1] === "clear" ? "unmap" : "map";
      this.#failure = { direction, errno: errnoOfNumber(Number(failed[2])), stamp: log.stamp, line: number };
      return true;
    }
    const region = readRegionMessage(log.message);
    if (region === null || region === "broken" || region.action !== "failed to translate") return false;
    return emit(translationFault(region));
  }

  #failedRegion(match: RegExpExecArray, stamp: Fact["stamp"], line: number, sink: FactSink): boolean {
    const [, , va = "0", iova = "0", length = "0"] = match;
    const direction = match[1] === undefined ? "map" : "unmap";
    const failure = this.#failure?.direction === direction ? this.#failure : null;
    if (failure === null) this.#settle(sink);
    this.#failure = null;
    const asked = { ioas: null, iova: asIova(BigInt(iova)), length: byteLength(BigInt(length)) };
    const event: ObservedEvent =
      direction === "map"
        ? { type: "MapRefused", ...asked, prot: "unknown", source: { kind: "va", va: BigInt(va) } }
        : { type: "UnmapRefused", ...asked };
    const errno = failure?.errno ?? "UNKNOWN";
    sink.fact({ context: CONTEXT, profile: PROFILE, event, errno, stamp: failure?.stamp ?? stamp, actor: null, line });
    return true;
  }

  /** No line said which region the failure was about. */
  #settle(sink: FactSink): void {
    const failure = this.#failure;
    if (failure === null) return;
    this.#failure = null;
    const { direction, errno, stamp, line } = failure;
    const event: ObservedEvent =
      direction === "map"
        ? {
            type: "MapRefused",
            ioas: null,
            iova: null,
            length: byteLength(0n),
            prot: "unknown",
            source: UNKNOWN_SOURCE,
          }
        : { type: "CallRefused", call: "VFIO_IOMMU_UNMAP_DMA", detail: "the record does not say which range" };
    sink.fact({ context: CONTEXT, profile: PROFILE, event, errno, stamp, actor: null, line });
  }
}

type Told = [event: ObservedEvent, errno: Errno | null, drift?: Fact["drift"]];

function mapCall(match: RegExpExecArray): Told {
  const iova = asIova(BigInt(match[2] as string));
  const length = byteLength(BigInt(match[3] as string));
  const source: Source = { kind: "va", va: BigInt(match[1] as string) };
  const wanted = { ioas: null, iova, prot: "unknown", source } as const;
  if (Number(match[4]) !== 0) return [{ type: "MapRefused", ...wanted, length }, errnoOf(match[5] as string)];
  if (!fits(iova, length)) return [{ type: "MapRefused", ...wanted, length }, "UNKNOWN"];
  return [{ type: "IovaMapped", ...wanted, last: lastOf(iova, length) }, null];
}

function unmapCall(match: RegExpExecArray): Told {
  const iova = asIova(BigInt(match[1] as string));
  const length = byteLength(BigInt(match[2] as string));
  if (Number(match[3]) !== 0) return [{ type: "UnmapRefused", ioas: null, iova, length }, errnoOf(match[4] as string)];
  if (fits(iova, length)) {
    return [{ type: "IovaUnmapped", ioas: null, iova, last: lastOf(iova, length), bytes: length }, null];
  }
  const drift = {
    rule: "unmap-did-nothing",
    expected: `the mapping at ${match[1]} unmapped`,
    observed: "the call succeeded and unmapped 0 bytes",
  };
  // How much was asked for is not in the line: only the first byte of it is known.
  return [{ type: "IovaUnmapped", ioas: null, iova, last: iova, bytes: byteLength(0n) }, null, drift];
}

/** The kernel said success for an unmap of less than was asked; DPDK takes that for an error. */
function unexpectedSize(match: RegExpExecArray): Told {
  const detail = `${match[1]} bytes were unmapped instead of ${match[2]}; the record does not say where`;
  const expected = `${match[2]} bytes unmapped`;
  const rule = Number(match[1]) === 0 ? "unmap-did-nothing" : "unmap-size";
  const drift = { rule, expected, observed: `the call succeeded and unmapped ${match[1]} bytes` };
  return [{ type: "CallRefused", call: "VFIO_IOMMU_UNMAP_DMA", detail }, "UNKNOWN", drift];
}

function errnoOf(rest: string): Errno {
  const name = ERRNO.exec(rest)?.[1];
  return (name === undefined ? null : errnoOfName(name)) ?? "UNKNOWN";
}
