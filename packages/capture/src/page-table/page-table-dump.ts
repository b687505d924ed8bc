/**
 * Intel's page-table dumps: debugfs iommu/intel/.../domain_translation_struct
 * (drivers/iommu/intel/debugfs.c). One row a leaf, no runs; several devices may share one file.
 *
 *     Device 0000:b6:00.0 with pasid 0 @0x14b351000         (older: Device 0000:00:02.0 @0x...)
 *     IOVA_PFN                PML5E                   PML4E        PDPE        PDE        PTE
 *     0x00000000001fb |       0x0000000000000000      0x...        0x...       0x...      0x00000001539fb803
 */
import { type Iova, type Prot, protOf, U64_MAX } from "@ioasis/core";

export interface DumpedPage {
  readonly iova: Iova;
  readonly paddr: bigint;
  /** 4 KiB, 2 MiB or 1 GiB. */
  readonly length: bigint;
  readonly prot: Prot;
}

/** The live pages of one page table, in the order of the dump. */
export interface DumpedTable {
  readonly device: string;
  readonly pasid: number | null;
  /** Physical address of the root of the table: equal roots are one table. */
  readonly root: bigint;
  readonly pages: readonly DumpedPage[];
}

export interface PageTableDump {
  /** The device, where the dump is of one only. */
  readonly device: string | null;
  /** All tables' pages; a table that several devices share counts once. */
  readonly pages: readonly DumpedPage[];
  readonly tables: readonly DumpedTable[];
  readonly problems: readonly { readonly line: number; readonly reason: string }[];
}

/** More rows than a dump of 16 GiB in small pages has. */
const PAGES_MAX = 1 << 22;

const HEADER = /^Device ([0-9a-f:.]+)(?: with pasid ([0-9a-f]+))? @(0x[0-9a-f]+)\s*$/;
const ROW = /^(0x[0-9a-f]+) \|\s+(0x[0-9a-f]{1,16})((?:\s+0x[0-9a-f]{1,16}){0,4})\s*$/;
/** The columns from PML5E to PTE are indexes 0 ... 4. */
const LEAVES: readonly { readonly column: number; readonly length: bigint }[] = [
  { column: 4, length: 1n << 12n },
  { column: 3, length: 1n << 21n },
  { column: 2, length: 1n << 30n },
];
const READ = 1n;
const WRITE = 2n;
const SUPERPAGE = 0x80n;
const ADDRESS = 0xf_ffff_ffff_f000n;

export function looksLikePageTableDump(line: string): boolean {
  return HEADER.test(line) || ROW.test(line) || line.startsWith("IOVA_PFN");
}

export function parsePageTableDump(text: string): PageTableDump {
  const problems: { line: number; reason: string }[] = [];
  const tables: { device: string; pasid: number | null; root: bigint; pages: DumpedPage[] }[] = [];
  let count = 0;
  let number = 0;
  for (const line of lines(text)) {
    number++;
    if (line === "" || line.startsWith("IOVA_PFN")) continue;
    const header = HEADER.exec(line);
    if (header !== null) {
      const pasid = header[2] === undefined ? null : Number.parseInt(header[2], 16);
      tables.push({ device: header[1] as string, pasid, root: BigInt(header[3] as string), pages: [] });
      continue;
    }
    if (tables.length > 0 && belongsToOtherFile(line)) continue;
    const page = pageOf(line);
    const table = tables.at(-1);
    if (typeof page === "string") problems.push({ line: number, reason: page });
    else if (table === undefined) problems.push({ line: number, reason: "a page above the first `Device` line" });
    else if (++count > PAGES_MAX) {
      problems.push({ line: number, reason: `more than ${PAGES_MAX} pages: the rest is not read` });
      break;
    } else table.pages.push(page);
  }
  if (tables.length === 0 && problems.length === 0) problems.push({ line: 1, reason: "no `Device` line" });
  const devices = new Set(tables.map(({ device }) => device));
  return { device: devices.size === 1 ? ([...devices][0] ?? null) : null, pages: distinct(tables), tables, problems };
}

/** A string: why the row is none. */
function pageOf(line: string): DumpedPage | string {
  const match = ROW.exec(line);
  if (match === null) return "not a row of a page-table dump";
  const entries = [match[2] as string, ...(match[3] as string).trim().split(/\s+/)].filter((entry) => entry !== "");
  const iova = BigInt(match[1] as string) << 12n;
  for (const { column, length } of LEAVES) {
    const entry = BigInt(entries[column] ?? "0x0");
    if (entry === 0n) continue;
    if (column < 4 && (entry & SUPERPAGE) === 0n) return "the row breaks off above its leaf";
    if (iova % length !== 0n || iova > U64_MAX) return "the IOVA is not a multiple of the page's size";
    const prot = protOf((entry & READ) !== 0n, (entry & WRITE) !== 0n);
    return { iova: iova as Iova, paddr: entry & ADDRESS & ~(length - 1n), length, prot };
  }
  return "a row without a leaf";
}

/** Notes often hold the dump of the context tables below that of the pages. */
function belongsToOtherFile(line: string): boolean {
  return /^IOMMU dmar\d+: Root Table Address:|^B\.D\.F\s|^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\s+0x[0-9a-f]+:0x/.test(line);
}

function distinct(tables: readonly DumpedTable[]): readonly DumpedPage[] {
  const roots = new Set<bigint>();
  const pages = tables.filter(({ root }) => !roots.has(root) && roots.add(root)).map((table) => table.pages);
  return pages.length === 1 ? (pages[0] as readonly DumpedPage[]) : pages.flat();
}

function* lines(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf("\n", from);
    const to = end < 0 ? text.length : end;
    yield text.slice(from, to > from && text[to - 1] === "\r" ? to - 1 : to);
    from = to + 1;
  }
}
