/**
 * Mapped pages of 4 KiB as runs in order of address. Page numbers are doubles: exact, as the last one
 * is 2^52 - 1.
 */
import { type ContextState, type IoasHandle, PROTS, type Run, type Space } from "@ioasis/core";
import type { DumpPage, PageDump } from "./compare.ts";

export interface PageRun {
  readonly page: number;
  count: number;
  /** Physical page of the first; -1: not told. */
  readonly frame: number;
  /** Index into `PROTS`; 0: not told. */
  readonly prot: number;
}

/** Physical page of `page`, which lies in `run`; -1: not told. */
export function at({ page: first, frame }: PageRun, page: number): number {
  return frame < 0 ? -1 : frame + (page - first);
}

/** Whether two runs tell the same of `page`, as far as both tell anything. */
export function agrees(a: PageRun, b: PageRun, page: number): boolean {
  if (a.prot !== 0 && b.prot !== 0 && a.prot !== b.prot) return false;
  return a.frame < 0 || b.frame < 0 || at(a, page) === at(b, page);
}

export function runsOfState(state: ContextState, spaces: ReadonlySet<IoasHandle> | null): PageRun[] {
  const runs: PageRun[] = [];
  for (const space of state.liveSpaces) if (spaces === null || spaces.has(space.handle)) pushSpace(runs, space);
  return joined(runs);
}

function pushSpace(runs: PageRun[], space: Space): void {
  for (const { iova, last, prot, source } of space.areas.all()) {
    const protCode = PROTS.indexOf(prot);
    const pieces: readonly Pick<Run, "iova" | "length">[] = source.runs ?? [{ iova, length: last - iova + 1n }];
    for (const piece of pieces) {
      const paddr = "paddr" in piece ? (piece as Run).paddr : source.kind === "paddr" ? source.paddr : null;
      runs.push(runOf(piece.iova, piece.length, paddr, protCode));
    }
  }
}

export function runsOfDumps(dumps: readonly PageDump[]): PageRun[] {
  const runs: PageRun[] = [];
  for (const pages of dumps) for (const page of pages) pushPage(runs, page);
  return joined(runs);
}

function pushPage(runs: PageRun[], { iova, paddr, length, prot }: DumpPage): void {
  const run = runOf(iova, length, paddr, PROTS.indexOf(prot));
  const top = runs.at(-1);
  if (top !== undefined && continues(top, run)) top.count += run.count;
  else runs.push(run);
}

/** Pages that are mapped in part count whole. */
function runOf(iova: bigint, length: bigint, paddr: bigint | null, prot: number): PageRun {
  const page = Number(iova >> 12n);
  const count = Number((iova + length - 1n) >> 12n) - page + 1;
  return { page, count, frame: paddr === null ? -1 : Number(paddr >> 12n), prot };
}

function continues(top: PageRun, next: PageRun): boolean {
  if (top.page + top.count !== next.page || top.prot !== next.prot) return false;
  return top.frame < 0 ? next.frame < 0 : top.frame + top.count === next.frame;
}

/** Sorted, without what an earlier run already covers, neighbours joined. */
function joined(runs: PageRun[]): PageRun[] {
  if (!runs.every((run, i) => i === 0 || (runs[i - 1] as PageRun).page <= run.page))
    runs.sort((a, b) => a.page - b.page);
  const result: PageRun[] = [];
  let end = 0;
  for (const run of runs) {
    const skipped = Math.max(0, end - run.page);
    if (skipped >= run.count) continue;
    const rest: PageRun =
      skipped === 0
        ? run
        : { ...run, page: run.page + skipped, count: run.count - skipped, frame: at(run, run.page + skipped) };
    end = rest.page + rest.count;
    const top = result.at(-1);
    if (top !== undefined && continues(top, rest)) top.count += rest.count;
    else result.push(rest);
  }
  return result;
}
