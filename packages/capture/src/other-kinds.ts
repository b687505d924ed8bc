/**
 * Files that lie beside recordings and are none: what they are, for a refusal that helps.
 *
 * `head` is tried on the file's beginning and decides alone; `line` counts lines, and wins when it
 * likes more of them than any format does.
 */
import { looksLikePageTableDump } from "./page-table/page-table-dump.ts";

export interface OtherKind {
  /** `a shell script`, and what to do with it where there is something. */
  readonly words: string;
  readonly head?: RegExp;
  readonly line?: (line: string) => boolean;
}

const lines = (words: string, pattern: RegExp): OtherKind => ({ words, line: (line) => pattern.test(line) });
const begins = (words: string, head: RegExp): OtherKind => ({ words, head });

export const OTHER_KINDS: readonly OtherKind[] = [
  begins(
    "a bpftrace script",
    /^#!.*\bbpftrace\b|^(?:\s|\/\*(?:[^*]|\*(?!\/))*\*\/|\/\/[^\n]*\n)*(?:tracepoint|kprobe|kretprobe):[\w:*]+ /,
  ),
  begins("a shell script", /^#!.*\b(?:ba|da|z|k)?sh\b/),
  begins("a script", /^#!/),
  begins("C source", /^(?:\s|\/\*(?:[^*]|\*(?!\/))*\*\/|\/\/[^\n]*\n)*#[ \t]*include[ \t]*[<"]/),
  begins("a TAP test report", /^TAP version \d/),
  begins("kernel configuration", /^(?:#[^\n]*\n){0,4}# Automatically generated file; DO NOT EDIT\.\n# Linux/),
  begins("QEMU monitor output (`info mtree`, `info pci`), not a trace log", /^QEMU [\d.]+.* monitor - type 'help'/),
  begins("the report of `bpftrace --info`", /^System\n {2}OS: /),
  begins("a trace event's format description", /^name: \w+\nID: \d+\nformat:/),
  begins("a kernel's version", /^Linux version [^\n]*\n?$/),
  begins("a kernel's command line", /^(?=[^\n]*\bconsole=|[^\n]*\broot=)(?:[\w.,-]+(?:=\S*)?(?:[ \n]|$))+$/),
  lines("QEMU monitor output (`info mtree`), not a trace log", /^FlatView #\d+|^\s+[0-9a-f]{16}-[0-9a-f]{16} \(prio /),
  {
    words: "an Intel page-table dump: give it to `ioasis compare --dump`",
    line: looksLikePageTableDump,
  },
  lines(
    "Intel root and context tables, not a page-table dump",
    /^B\.D\.F\s|^[0-9a-f]{2}:[0-9a-f]{2}\.\d\s+0x[0-9a-f]+:0x/,
  ),
  lines("IOMMU registers", /^[A-Z][A-Z0-9_]+\s+0x[0-9a-f]+\s+0x[0-9a-f]{16}$|Register Base Address: /),
  lines(
    "an interrupt remapping table",
    /^Remapped Interrupt|^\s*\d+\s+[0-9a-f]{2}:[0-9a-f]{2}\.\d [0-9a-f]{8} [0-9a-f]{2} /,
  ),
  lines("kernel symbols", /^[0-9a-f]{8,16} [a-zA-Z] [\w.]+(?:\s+\[\w+\])?$/),
  lines("kernel configuration", /^CONFIG_\w+=|^# CONFIG_\w+ is not set$/),
  lines(
    "an strace log: it names calls, not their arguments",
    /\bioctl\(\d+(?:<[^>]*>)?, \(?(?:VFIO_|IOMMU_|_IOC\()|<\.\.\. ioctl resumed>|^\S+ (?:openat|mmap|close|ioctl)\(/,
  ),
  lines(
    "perf trace output: ioctl numbers without arguments; record with `perf record -e 'iommu:*'`",
    /^\s*\d+\.\d+ \(\s*\d+\.\d+ ms\): .*\bioctl\(/,
  ),
  lines("sysfs reserved_regions", /^0x[0-9a-f]{16} 0x[0-9a-f]{16} (?:direct|direct-relaxable|reserved|msi)$/),
  lines("a PCI listing", /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.\d (?:0x)?[0-9a-f]{4}[: ](?:0x)?[0-9a-f]{4}\b/),
  lines("a directory listing", /^\/sys\/\S+:$|^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.\d$/),
  lines("device-tree properties (DMA windows)", /^\/proc\/device-tree\/\S+ (?:[0-9a-f]{8} ?)+$/),
  lines(
    "a cloud-hypervisor log: it tells that a mapping failed, not which one",
    /^cloud-hypervisor: |\bVfioDmaMap\(|\bIommuDmaMap\(|CLOUD_HYPERVISOR|cloud-hypervisor is not/,
  ),
  lines("a TAP test report", /^(?:not )?ok \d+ |^# {1,3}(?:RUN|OK|PASSED|FAIL)\b/),
];
