/**
 * TCE tables of a POWER guest (hw/ppc/spapr_iommu.c, spapr_pci.c, spapr_rtas_ddw.c).
 *
 * A LIOBN is a space with one window. A TCE is a guest address with 1 = read and 2 = write in its low
 * bits; no bits = no translation. Details of the trace lines that are easy to miss:
 * - `indirect`: `iobaN` is the index of the last entry that was stored and `tceN` its value (after a
 *   failure the value is of the entry behind it); the entries before it are not told.
 * - `stuff`: `ioba` is where the loop stopped, so the pages lie *before* it.
 */
import {
  iova as asIova,
  byteLength,
  type Errno,
  fits,
  lastOf,
  type ObservedEvent,
  protOf,
  type Source,
  UNKNOWN_SOURCE,
} from "@ioasis/core";
import type { EventFamily, Handler } from "./handler.ts";
import { TceTable, TceTables } from "./tce-table.ts";
import type { TraceLine } from "./trace-line.ts";

const CONTEXT = "spapr";
const PROFILE = "spapr-tce-v2";
const TCE_READ = 1n;
const TCE_WRITE = 2n;
const TCE_ACCESS = TCE_READ | TCE_WRITE;
/** A window cannot hold more entries (2^52 pages of 4 KiB fill the space); a list of them is one page. */
const PAGES_MAX = 1n << 52n;
const DEFAULT_PAGE_BYTES = 0x1000n;
/** SPAPR_PCI_LIOBN: 0x80000000, bridge, number of the window. */
const WINDOW_NUMBER = 0xff;

/** Hypervisor return codes (include/hw/ppc/spapr.h) to the errnos that a guest's kernel makes of them. */
const H_CODES: Readonly<Record<number, Errno>> = { [-1]: "EIO", [-4]: "EINVAL", [-16]: "ENOMEM", [-11]: "EPERM" };

export class SpaprIommu implements EventFamily {
  readonly handlers: Readonly<Record<string, Handler>> = {
    spapr_iommu_new_table: (line) => this.#newTable(line),
    spapr_iommu_ddw_create: (line) => this.#createWindow(line),
    spapr_iommu_ddw_remove: (line) => this.#removeWindow(line),
    spapr_iommu_ddw_reset: (line) => this.#reset(line),
    spapr_iommu_post_load: (line) => this.#postLoad(line),
    spapr_iommu_put: (line) => this.#put(line),
    spapr_iommu_pci_put: (line) => this.#put(line),
    spapr_iommu_indirect: (line) => this.#indirect(line),
    spapr_iommu_pci_indirect: (line) => this.#indirect(line),
    spapr_iommu_stuff: (line) => this.#stuff(line),
    spapr_iommu_pci_stuff: (line) => this.#stuff(line),
  };
  readonly #tables = new TceTables();

  /** A table that is made anew takes the place of the old one, as a reset of the bridge does it. */
  #newTable(line: TraceLine): void {
    const liobn = Number(line.hex("liobn="));
    if (!line.isWhole()) return;
    if (this.#tables.find(liobn) !== null) this.#destroy(line, liobn);
    this.#tables.add(liobn, new TceTable(true));
    fact(line, { type: "IoasAllocated", ioas: liobn, kernelId: liobn });
  }

  #createWindow(line: TraceLine): void {
    const bridge = line.hex("buid=");
    const pageSize = line.hex("page size=");
    const length = line.hex("requested=");
    const iova = asIova(line.hex("start addr="));
    const liobn = Number(line.hex("liobn="));
    if (!line.isWhole()) return;
    if (pageSize === 0n || !fits(iova, length)) {
      line.problem("the window does not fit into 64 bits");
      return;
    }
    const last = lastOf(iova, length);
    const table = this.#tables.get(liobn);
    table.pageSize = pageSize;
    table.window = { bridge, iova, last };
    fact(line, { type: "WindowCreated", ioas: liobn, iova, last, pageSize });
  }

  #removeWindow(line: TraceLine): void {
    const liobn = Number(line.hex("liobn="));
    if (line.isWhole()) this.#destroy(line, liobn);
  }

  /** Takes a bridge back to its default window. */
  #reset(line: TraceLine): void {
    const bridge = line.hex("buid=");
    if (!line.isWhole()) return;
    for (const liobn of this.#tables.ofBridge(bridge)) this.#destroy(line, liobn);
  }

  #destroy(line: TraceLine, liobn: number): void {
    const window = this.#tables.find(liobn)?.window ?? null;
    if (window !== null) fact(line, { type: "WindowRemoved", ioas: liobn, iova: window.iova, last: window.last });
    this.#tables.delete(liobn);
    fact(line, { type: "IoasDestroyed", ioas: liobn });
  }

  /** A migrated guest brings its tables along; the entries are in no line, the page size is. */
  #postLoad(line: TraceLine): void {
    const liobn = Number(line.hex("liobn="));
    const shift = line.decimal("ps=");
    if (line.isWhole() && shift >= 12 && shift <= 63) this.#tables.get(liobn).pageSize = 1n << BigInt(shift);
  }

  #put(line: TraceLine): void {
    const liobn = Number(line.hex("liobn="));
    const ioba = line.hex("ioba=");
    const tce = line.hex("tce=");
    const returned = line.decimal("ret=");
    if (!line.isWhole()) return;
    const table = this.#table(line, liobn);
    const first = ioba - (ioba % table.pageSize);
    this.#store(line, liobn, table, { first, pages: 1n, tce, returned });
  }

  #indirect(line: TraceLine): void {
    const liobn = Number(line.hex("liobn="));
    const ioba = line.hex("ioba=");
    const index = line.hex("iobaN=");
    const tce = line.hex("tceN=");
    const returned = line.decimal("ret=");
    if (!line.isWhole()) return;
    const table = this.#table(line, liobn);
    const { pageSize } = table;
    const first = ioba - (ioba % pageSize);
    if (returned !== 0 && index === 0n) {
      this.#store(line, liobn, table, { first, pages: 1n, tce, returned });
      return;
    }
    const stored = returned === 0 ? index : index + 1n;
    if (stored > 0n) this.#store(line, liobn, table, { first, pages: stored, tce: null, returned: 0 });
    this.#store(line, liobn, table, { first: first + stored * pageSize, pages: 1n, tce, returned });
  }

  #stuff(line: TraceLine): void {
    const liobn = Number(line.hex("liobn="));
    const end = line.hex("ioba=");
    const tce = line.hex("tcevalue=");
    const pages = BigInt(line.decimal("npages="));
    const returned = line.decimal("ret=");
    if (!line.isWhole()) return;
    const table = this.#table(line, liobn);
    if (returned !== 0) {
      this.#store(line, liobn, table, { first: end, pages: 1n, tce, returned });
      return;
    }
    const first = end - pages * table.pageSize;
    if (pages <= 0n || first < 0n) {
      line.problem(`${pages} pages before ${end} are no range`);
      return;
    }
    this.#store(line, liobn, table, { first, pages, tce, returned });
  }

  /** `tce` null: what was stored is not told, only that it was. */
  #store(line: TraceLine, liobn: number, table: TceTable, entry: Entry): void {
    const iova = asIova(entry.first);
    const length = entry.pages * table.pageSize;
    if (entry.pages > PAGES_MAX || !fits(iova, length)) {
      line.problem("the entries do not fit into 64 bits");
      return;
    }
    const last = lastOf(iova, length);
    const isMap = entry.tce === null || (entry.tce & TCE_ACCESS) !== 0n;
    const source = sourceOf(entry.tce, table.pageSize);
    const prot = entry.tce === null ? "unknown" : protOf((entry.tce & TCE_READ) !== 0n, (entry.tce & TCE_WRITE) !== 0n);
    if (entry.returned !== 0) {
      const errno = H_CODES[entry.returned] ?? "UNKNOWN";
      const asked = { ioas: liobn, iova, length: byteLength(length) };
      const event: ObservedEvent = isMap
        ? { type: "MapRefused", ...asked, prot, source }
        : { type: "UnmapRefused", ...asked };
      line.fact(CONTEXT, PROFILE, event, errno);
    } else if (isMap) {
      table.store(iova, entry.pages);
      fact(line, { type: "IovaMapped", ioas: liobn, iova, last, prot, source });
    } else {
      fact(line, { type: "IovaUnmapped", ioas: liobn, iova, last, bytes: table.clear(iova, entry.pages) });
    }
  }

  #table(line: TraceLine, liobn: number): TceTable {
    const table = this.#tables.get(liobn);
    // The default window has pages of 4 KiB, a dynamic one those that its creation named.
    if (!table.hasPageSize) {
      if ((liobn & WINDOW_NUMBER) !== 0)
        line.problem(`the page size of window 0x${liobn.toString(16)} is not in the log; 4 KiB is taken`);
      table.pageSize = DEFAULT_PAGE_BYTES;
    }
    return table;
  }
}

interface Entry {
  readonly first: bigint;
  readonly pages: bigint;
  readonly tce: bigint | null;
  readonly returned: number;
}

function fact(line: TraceLine, event: ObservedEvent): void {
  line.fact(CONTEXT, PROFILE, event);
}

function sourceOf(tce: bigint | null, pageSize: bigint): Source {
  return tce === null ? UNKNOWN_SOURCE : { kind: "gpa", gpa: tce - (tce % pageSize) };
}
