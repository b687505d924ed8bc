/** Which kernel trace a line comes from, for telling formats apart. Cheap, pure; headers count too. */

const FTRACE_HEADER = /^#\s+(?:tracer: \w|entries-in-buffer\/|TASK-PID|_-+=> irqs-off)/;
const FTRACE_RECORD =
  /-\d+\s+(?:\([\s\d-]+\) +)?\[\d{3,}\](?:\s+\([\s\d-]+\))?(?:\s+[^\s\d(]\S{3,7})?\s+\d+(?:\.\d{6,9})?: [^\s:]+:(?: \S|$)/;
const FTRACE_LOST = /^(?:CPU:\d+ )?\[LOST(?: \d+)? EVENTS\]/;
const BARE = /^\s*(?:un)?map: IOMMU: (?:dev=\S+ )?iova=0x/;
const PROBE = /: (?:v(?:map|unmap|attach)(?:_r)?|vdetach|vrelease|vcont|vother|i(?:un)?map(?:_r)?): (?:\(|\[)/;
const PERF = /^\s*\S.*\s-?\d+(?:\/-?\d+)?(?:\s+\[\d{3,}\])?\s+\d+\.\d{6,9}:\s+[a-z_0-9]+:[A-Za-z_0-9]+: ?/;
const TRACE_CMD = /-\d+\s+\[\d{3,}\](?:-0x[0-9a-f]+|\s+[^\s\d(]\S{3,7})?\s+\d+\.\d{6,9}: [^\s:]+:(?:\s{2,}\S| \S)/;
const TRACE_CMD_PADDED = /\s\d+\.\d{6,9}: [^\s:]+:\s{2,}\S/;

/** A record's beginning tells; nothing else of a line is looked at. */
const LOOKED_AT_MAX = 512;

export function looksLikeFtrace(text: string): boolean {
  const line = text.slice(0, LOOKED_AT_MAX);
  if (FTRACE_HEADER.test(line) || FTRACE_LOST.test(line) || BARE.test(line)) return true;
  return FTRACE_RECORD.test(line) && !PERF.test(line);
}

/** A record of the project's kprobes in ftrace's layout. */
export function looksLikeKprobe(line: string): boolean {
  return looksLikeFtrace(line) && PROBE.test(line.slice(0, LOOKED_AT_MAX));
}

export function looksLikePerf(line: string): boolean {
  return PERF.test(line.slice(0, LOOKED_AT_MAX));
}

/** trace-cmd pads event names to 20 columns; its first line tells the number of CPUs. */
export function looksLikeTraceCmd(text: string): boolean {
  const line = text.slice(0, LOOKED_AT_MAX);
  if (/^cpus=\d+$/.test(line)) return true;
  return TRACE_CMD.test(line) && (TRACE_CMD_PADDED.test(line) || /\]-0x[0-9a-f]+\s/.test(line));
}
