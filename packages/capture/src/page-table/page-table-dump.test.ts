/** Dumps of real page tables, in both forms of the header. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { linesOf } from "../testing/decoded-recording.ts";
import { parsePageTableDump } from "./page-table-dump.ts";

const test = suite("page-table dump");
const dump = (file: string) => parsePageTableDump(linesOf(`tests/recordings/page-table/${file}`).join("\n"));

test("three tables in one file: small and large pages, first and second level", () => {
  const { device, tables, pages, problems } = dump("debugfs-intel-domain_translation_struct.txt");
  assert.equal(problems, []);
  assert.is(device, null);
  assert.equal(
    tables.map(({ device, pasid, root, pages }) => [device, pasid, root, pages.length]),
    [
      ["0000:b6:00.0", 0, 0x14b351000n, 8],
      ["0000:22:00.0", 0, 0x10ceda000n, 1],
      ["0000:22:00.0", 0, 0x148b9e000n, 1],
    ],
  );
  assert.equal(pages[0], { iova: 0x1fb000n, paddr: 0x1539fb000n, length: 0x1000n, prot: "rw" });
  assert.equal(pages[5], { iova: 0x200000n, paddr: 0x134400000n, length: 0x200000n, prot: "rw" });
  // A first-level entry: accessed, dirty and execute-disable bits are no part of the address.
  assert.equal(pages[8], { iova: 0xfffff000n, paddr: 0x182cac000n, length: 0x1000n, prot: "rw" });
});

test("the identity map of an ISA bridge and the table of a network card", () => {
  const bridge = dump("pt-0-boot-0000_00_1f.0.txt.gz");
  assert.equal([bridge.device, bridge.pages.length, bridge.problems], ["0000:00:1f.0", 4096, []]);
  assert.ok(bridge.pages.every(({ iova, paddr, length }, i) => iova === paddr && iova === BigInt(i) * length));
  const card = dump("pt-2-traffic-0000_00_06.0.txt.gz");
  assert.equal([card.device, card.pages.length, card.problems], ["0000:00:06.0", 348, []]);
  const empty = dump("pt-0-boot-0000_00_06.0.txt");
  assert.equal([empty.device, empty.pages.length, empty.problems], ["0000:00:06.0", 0, []]);
});

const HEADER = "Device 0000:00:02.0 @0x1000";
const row = (pfn: string, ...entries: string[]) => `${pfn} |\t${entries.join("\t")}`;
const TABLE = "0x0000000000001003";

test("a gigantic page and rights", () => {
  const { pages, problems } = parsePageTableDump(
    [
      HEADER,
      row("0x0000000040000", "0x0000000000000000", TABLE, "0x0000000080000081"),
      row("0x0000000000001", "0x0000000000000000", TABLE, TABLE, TABLE, "0x0000000000005002"),
      row("0x0000000000002", "0x0000000000000000", TABLE, TABLE, TABLE, "0x0000000000006801"),
    ].join("\r\n"),
  );
  assert.equal(problems, []);
  assert.equal(pages, [
    { iova: 0x40000000n, paddr: 0x80000000n, length: 0x40000000n, prot: "r" },
    { iova: 0x1000n, paddr: 0x5000n, length: 0x1000n, prot: "w" },
    { iova: 0x2000n, paddr: 0x6000n, length: 0x1000n, prot: "r" },
  ]);
});

test("a table that two devices share counts once", () => {
  const page = row("0x0000000000001", "0x0", TABLE, TABLE, TABLE, "0x0000000000005003");
  const { tables, pages } = parsePageTableDump(
    [HEADER, page, "Device 0000:00:03.0 with pasid 0 @0x1000", page, "Device 0000:00:04.0 @0x2000", page].join("\n"),
  );
  assert.equal([tables.length, pages.length], [3, 2]);
});

test("what is none of it is named with its line", () => {
  const reasons = (...lines: string[]) =>
    parsePageTableDump(lines.join("\n")).problems.map((p) => `${p.line}: ${p.reason}`);
  assert.equal(reasons(""), ["1: no `Device` line"]);
  assert.equal(reasons("\0\u{fffd}"), ["1: not a row of a page-table dump"]);
  assert.equal(reasons(row("0x1", "0x0", TABLE, TABLE, TABLE, "0x5003")), ["1: a page above the first `Device` line"]);
  assert.equal(
    reasons(
      HEADER,
      row("0x0000000000001", "0x0", TABLE, TABLE, TABLE),
      row("0x0000000000001", "0x0", TABLE, TABLE, "0x0000000000200083"),
      "0x0000000000001 |\t0x00000000",
      row("0x0000000000001", "0x0", "0x0", "0x0", "0x0", "0x0"),
    ),
    [
      "2: the row breaks off above its leaf",
      "3: the IOVA is not a multiple of the page's size",
      "4: a row without a leaf",
      "5: a row without a leaf",
    ],
  );
});

test.run();
