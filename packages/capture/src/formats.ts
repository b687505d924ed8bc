/** The formats that are read: how to tell a line of each, and its decoder. */
import { bpftraceDecoder, looksLikeBpftrace } from "./bpftrace/bpftrace-decoder.ts";
import type { Decoder, FormatName } from "./decoder.ts";
import { dmesgDecoder, looksLikeDmesg } from "./dmesg/dmesg-decoder.ts";
import { dpdkDecoder, looksLikeDpdk } from "./dpdk/decoder.ts";
import { jsonlDecoder, looksLikeJsonl } from "./jsonl/jsonl-decoder.ts";
import { looksLikeFtrace, looksLikeKprobe, looksLikePerf, looksLikeTraceCmd } from "./kernel/looks-like.ts";
import { ftraceDecoder, kprobeDecoder, perfDecoder, traceCmdDecoder } from "./kernel/trace-decoder.ts";
import { looksLikeQemu, qemuDecoder } from "./qemu/decoder.ts";
import { looksLikeVector, vectorsDecoder } from "./vectors/vectors-decoder.ts";
import { looksLikeVfioUser, vfioUserDecoder } from "./vfio-user/decoder.ts";

export interface Format {
  readonly looksLike: (line: string) => boolean;
  readonly decoder: () => Decoder;
}

/** In order of preference where two like equally many lines of a file. */
export const FORMAT_TABLE: Readonly<Record<FormatName, Format>> = {
  vectors: { looksLike: looksLikeVector, decoder: vectorsDecoder },
  jsonl: { looksLike: looksLikeJsonl, decoder: jsonlDecoder },
  bpftrace: { looksLike: looksLikeBpftrace, decoder: bpftraceDecoder },
  "trace-cmd": { looksLike: looksLikeTraceCmd, decoder: traceCmdDecoder },
  perf: { looksLike: looksLikePerf, decoder: perfDecoder },
  ftrace: { looksLike: looksLikeFtrace, decoder: ftraceDecoder },
  kprobe: { looksLike: looksLikeKprobe, decoder: kprobeDecoder },
  qemu: { looksLike: looksLikeQemu, decoder: qemuDecoder },
  "vfio-user": { looksLike: looksLikeVfioUser, decoder: vfioUserDecoder },
  dpdk: { looksLike: looksLikeDpdk, decoder: dpdkDecoder },
  dmesg: { looksLike: looksLikeDmesg, decoder: dmesgDecoder },
};

/** A decoder for one file: it remembers what it read. */
export function decoderOf(format: FormatName): Decoder {
  return FORMAT_TABLE[format].decoder();
}
