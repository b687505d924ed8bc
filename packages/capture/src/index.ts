/** Recordings to facts: formats, their decoders, and the parts that other readers of logs share. */

export { type MergedLine, mergeBpftrace } from "./bpftrace/merge-bpftrace.ts";
export { type Decoder, type FactSink, FORMATS, type FormatName } from "./decoder.ts";
export { type Detection, detect } from "./detect.ts";
export { faultReported } from "./dmesg/dmesg-decoder.ts";
export type { FaultAccess, FaultDetail, FaultFormat, FaultLine } from "./dmesg/fault-line.ts";
export { FaultScanner } from "./dmesg/fault-scanner.ts";
export { decoderOf } from "./formats.ts";
export { Line } from "./line.ts";
export { LineReader, type OnLine, type OnProblem } from "./line-reader.ts";
export {
  type DumpedPage,
  type DumpedTable,
  type PageTableDump,
  parsePageTableDump,
} from "./page-table/page-table-dump.ts";
