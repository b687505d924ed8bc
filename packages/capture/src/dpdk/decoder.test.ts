/** What users of DPDK and SPDK posted when DMA went wrong. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countsOf, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { dpdkDecoder, looksLikeDpdk } from "./decoder.ts";

const test = suite("DPDK log");

const RECORDINGS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "spdk-dpdk-silent-unmap-1705.txt": { IovaMapped: 1, IovaUnmapped: 1, "MapRefused EEXIST": 1 },
  "dpdk-unexpected-size-3193.txt": { "CallRefused UNKNOWN": 2 },
  "spdk-map-fail-163.txt": { "MapRefused EINVAL": 1 },
  "spdk-iova-translate-3217.txt": { FaultReported: 1 },
};

for (const [file, expected] of Object.entries(RECORDINGS)) {
  test(file, () => {
    const lines = linesOf(`tests/recordings/dpdk/${file}`);
    const { facts, problems } = decode(dpdkDecoder(), lines);
    assert.equal(problems, []);
    assert.equal(countsOf(facts), expected);
    for (const length of prefixLengths(lines.length))
      assert.ok(written(facts).startsWith(written(decode(dpdkDecoder(), lines.slice(0, length), false).facts)));
  });
}

test("an unmap that succeeded and did nothing is drift at its line", () => {
  const { facts } = decode(dpdkDecoder(), linesOf("tests/recordings/dpdk/spdk-dpdk-silent-unmap-1705.txt"));
  const iova = 0x20000a400000n;
  assert.equal(facts[1]?.event, { type: "IovaUnmapped", ioas: null, iova, last: iova, bytes: 0n });
  assert.equal([facts[1]?.line, facts[1]?.drift?.rule], [2, "unmap-did-nothing"]);
  assert.equal(facts[2]?.event.type, "MapRefused");
});

test("a failure and the line that names its region are one refusal", () => {
  const { facts } = decode(dpdkDecoder(), linesOf("tests/recordings/dpdk/spdk-map-fail-163.txt"));
  const source = { kind: "va", va: 0x2aad2ae00000n } as const;
  const event = { type: "MapRefused", ioas: null, iova: 0xfbc600000n, length: 0x200000n, prot: "unknown", source };
  assert.equal([facts[0]?.event, facts[0]?.line], [event, 3]);
});

test("further lines", () => {
  const { facts, problems } = decode(dpdkDecoder(), [
    "EAL: Detected CPU lcores: 8",
    "[2020-11-20 10:00:00.5] DPDK dma_unmap iova: 0x1000, size: 0x1000, ret: 0",
    "DPDK dma_unmap iova: 0x1000, size: 0x1000, ret=-1, errno was set to EINVAL",
    "EAL: Cannot clear DMA remapping, error 12 (Cannot allocate memory)",
    "something else",
  ]);
  assert.equal(countsOf(facts), { IovaUnmapped: 1, "UnmapRefused EINVAL": 1, "CallRefused ENOMEM": 1 });
  assert.equal(facts[0]?.stamp, { clock: "localtime", ticks: 16_058_664_005n, decimals: 1 });
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /^5: /);
});

test("only DPDK's lines look like DPDK's", () => {
  for (const file of ["spdk-dpdk-silent-unmap-1705.txt", "dpdk-unexpected-size-3193.txt", "spdk-map-fail-163.txt"])
    assert.ok(linesOf(`tests/recordings/dpdk/${file}`).every(looksLikeDpdk), file);
  assert.not(linesOf("tests/recordings/qemu/qemu-trace-overlap-2021.txt").some(looksLikeDpdk));
});

test.run();
