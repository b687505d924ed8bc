/** `translate` against the `virtio_iommu_map` lines of a recorded migration, read by a few lines of their own. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { demoFile, Workbench } from "./ioasis.ts";

const PAGE = 0x1000n;
/** One page in so many is dirty. */
const DIRTY_EVERY = 3n;

interface Log {
  readonly version: number;
  readonly line?: number;
  readonly event: { readonly type: string };
}

/** IOVA page to guest page after `lines` of QEMU's log. */
function pagesAfter(lines: readonly string[]): Map<bigint, bigint> {
  const pages = new Map<bigint, bigint>();
  for (const line of lines) {
    const match =
      /virtio_iommu_(map|unmap) domain=0 virt_start=(0x[\da-f]+) virt_end=(0x[\da-f]+)(?: phys_start=(0x[\da-f]+))?/.exec(
        line,
      );
    if (match === null) continue;
    const [, kind, first = "", last = "", physical = "0x0"] = match;
    for (let page = BigInt(first) / PAGE; page <= BigInt(last) / PAGE; page++)
      if (kind === "map") pages.set(page, BigInt(physical) / PAGE + page - BigInt(first) / PAGE);
      else pages.delete(page);
  }
  return pages;
}

/** Merged closed ranges of pages, as JSON. */
function rangesOf(pages: readonly bigint[]): string[][] {
  const ranges: [bigint, bigint][] = [];
  for (const page of pages.toSorted((a, b) => (a < b ? -1 : 1))) {
    const before = ranges.at(-1);
    if (before !== undefined && page <= before[1] + 1n) before[1] = page;
    else ranges.push([page, page]);
  }
  return ranges.map(([first, last]) => [
    `0x${(first * PAGE).toString(16)}`,
    `0x${(last * PAGE + PAGE - 1n).toString(16)}`,
  ]);
}

const test = suite("translate");

test("dirty bits of the source's device at many versions: the guest pages that QEMU's own lines say", () => {
  const bench = new Workbench();
  try {
    assert.is(bench.run("import", demoFile("source.log.gz")).status, 0);
    const lines = gunzipSync(readFileSync(demoFile("source.log.gz")))
      .toString("utf8")
      .split("\n");
    const maps = lines.flatMap((line, i) => (line.includes("virtio_iommu_map ") ? [i] : []));
    const versions = bench.lines<Log>("log", "--type", "IovaMapped").map(({ version }) => version);
    assert.is(versions.length, maps.length, "a map a line");
    for (const share of [0.05, 0.3, 0.6, 0.95]) {
      const at = Math.floor(versions.length * share);
      const pages = pagesAfter(lines.slice(0, (maps[at] as number) + 1));
      const all = [...pages.keys()].toSorted((a, b) => (a < b ? -1 : 1));
      // What the device uses lies together below 4 GiB.
      const used = all.filter((page) => page < 0x10_0000n);
      const first = (used[0] as bigint) - ((used[0] as bigint) % 64n);
      const last = (used.at(-1) as bigint) + 3n;
      const bits = new Uint8Array(Math.ceil(Number(last - first + 1n) / 8));
      const dirty = [];
      for (let page = first; page <= last; page += DIRTY_EVERY) {
        const bit = Number(page - first);
        bits[bit >>> 3] = (bits[bit >>> 3] as number) | (1 << (bit & 7));
        dirty.push(page);
      }
      const file = path.join(bench.folder, "dirty.bin");
      writeFileSync(file, bits);
      const range = `0x${(first * PAGE).toString(16)}-0x${(last * PAGE + PAGE - 1n).toString(16)}`;
      const answer = bench.json<{ ranges: string[][]; unmapped: string[][]; untold: string[][]; dirtyPages: number }>(
        "translate",
        file,
        "--iova",
        range,
        "--device",
        "endpoint 24",
        "--at",
        String(versions[at]),
      );
      assert.is(answer.dirtyPages, dirty.length);
      assert.equal(answer.ranges, rangesOf(dirty.flatMap((page) => pages.get(page) ?? [])));
      assert.equal(answer.unmapped, rangesOf(dirty.filter((page) => !pages.has(page))));
      assert.equal(answer.untold, []);
    }
  } finally {
    bench.remove();
  }
});

test("a wrong bitmap is refused with what to check; exit 1 where a dirty page has no guest page", () => {
  const bench = new Workbench();
  try {
    assert.is(bench.run("import", demoFile("destination.log.gz")).status, 0);
    const file = path.join(bench.folder, "dirty.bin");
    writeFileSync(file, Uint8Array.of(1));
    const wrong = bench.run("translate", file, "--iova", "0x0-0xfffff");
    assert.is(wrong.status, 2);
    assert.match(wrong.err, /the bitmap has 1 bytes, 256 pages need 32: check --iova and --page-size/);
    assert.is(bench.run("translate", file, "--iova", "0x0-0xfff").status, 1);
    assert.is(bench.run("translate", path.join(bench.folder, "none"), "--iova", "0x0-0xfff").status, 2);
  } finally {
    bench.remove();
  }
});

test.run();
