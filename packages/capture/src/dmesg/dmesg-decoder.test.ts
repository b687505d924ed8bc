/** Kernel logs of every printer, and what breaks off. */

import type { Fact } from "@ioasis/core";
import { sameDevice } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countsOf, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { dmesgDecoder } from "./dmesg-decoder.ts";
import type { FaultLine } from "./fault-line.ts";
import { FaultScanner } from "./fault-scanner.ts";

const test = suite("kernel log");

/** Facts by type, then the first fault: line, stamp, format, device, pasid, iova, access, reason. */
const RECORDINGS: Readonly<Record<string, readonly [Readonly<Record<string, number>>, string | null]>> = {
  "dmesg-dmar-2013-twoline.txt": [
    { FaultReported: 1 },
    "1 1692021403 dmar 00:02.0 null 0x1a45aa9000 read fault reason 12: non-zero reserved fields in PTE",
  ],
  "dmesg-dmar-v4-oneline.txt": [
    { FaultReported: 3, EventsLost: 1 },
    "1 10672868940 dmar 00:12.0 null 0x0 write fault reason 05: PTE Write access is not set",
  ],
  "dmesg-dmar-v5-pasid.txt": [
    { FaultReported: 8, EventsLost: 2 },
    "2 104381658 dmar 00:02.0 null 0x9bd00000 read fault reason 06: PTE Read access is not set",
  ],
  "dmesg-dmar-v5.16plus-nopasid.txt": [
    { FaultReported: 2 },
    "1 361089 dmar 00:02.0 null 0x7cd80000 read fault reason 0x01: Present bit in root entry is clear",
  ],
  "oracle-vfio-intel48.txt": [
    { FaultReported: 12, EventsLost: 1 },
    "21 4286880 dmar 00:05.0 null 0x300000 write fault reason 0x05: PTE Write access is not set",
  ],
  "oracle-k73-vfio-intel48.txt": [
    { FaultReported: 13, EventsLost: 1 },
    "21 4783037 dmar 0000:00:05.0 null 0x300000 write fault reason 0x05: PTE Write access is not set",
  ],
  "oracle-type1-intel39.txt": [
    { FaultReported: 3, "CallRefused EFAULT": 4 },
    "21 29632462 dmar 00:05.0 null 0x100000 write fault reason 0x05: PTE Write access is not set",
  ],
  "dmesg-intel-iommu-width.txt": [{ "CallRefused EFAULT": 1 }, null],
  "dmesg-amdvi-device-in-brackets.txt": [
    { FaultReported: 4 },
    "1 1116842 amd-vi 20:00.0 null 0xf4001eef80 read IO_PAGE_FAULT, page present, flags 0x0010",
  ],
  "dmesg-amdvi-driver-prefixed.txt": [
    { FaultReported: 4 },
    "1 40182570 amd-vi 0000:01:00.0 null 0xcff49550 write IO_PAGE_FAULT, no permission, flags 0x0070",
  ],
  "dmesg-amdvi-split-lines.txt": [
    { FaultReported: 4 },
    "1 13137925 amd-vi 00:00.1 null 0xfdf8000020 unknown INVALID_DEVICE_REQUEST, flags 0x0a00",
  ],
  "dmesg-arm-smmu-v2.txt": [
    { FaultReported: 5 },
    "1 561287 smmu-v2 sid 0x800 null 0x9c4b9000 read translation fault, fsr 0x402",
  ],
  "dmesg-arm-smmu-v3-raw-event.txt": [
    { FaultReported: 2 },
    "1 7471032 smmu-v3 sid 0x100 null 0x0 write F_TRANSL_FORBIDDEN (0x07)",
  ],
  "oracle-vfio-viommu.txt": [
    { FaultReported: 60, EventsLost: 5 },
    "8 4125466 virtio-iommu endpoint 40 null 0x300000 write page fault",
  ],
  "oracle-spapr-oops.txt.gz": [{}, null],
  "spapr-serial.txt.gz": [{}, null],
};

for (const [file, [counts, first]] of Object.entries(RECORDINGS)) {
  test(file, () => {
    const lines = linesOf(`tests/recordings/dmesg/${file}`);
    const { facts, problems } = decode(dmesgDecoder(), lines);
    assert.equal(problems, []);
    assert.equal(countsOf(facts), counts);
    const fault = facts.find(({ event }) => event.type === "FaultReported");
    assert.is(fault === undefined ? null : `${fault.line} ${fault.stamp?.ticks} ${detail(fault.event)}`, first);
    for (const length of prefixLengths(lines.length))
      assert.ok(written(facts).startsWith(written(decode(dmesgDecoder(), lines.slice(0, length), false).facts)));
  });
}

/** `format device pasid iova access reason` */
function detail(fault: FaultLine | Fact["event"]): string {
  if ("type" in fault && fault.type !== "FaultReported") return fault.type;
  const { format, device, pasid, iova, access, reason } = fault;
  return `${format} ${device} ${pasid} ${iova === null ? null : `0x${iova.toString(16)}`} ${access} ${reason}`;
}

function scan(...lines: readonly string[]): { faults: FaultLine[]; problems: string[] } {
  const problems: string[] = [];
  const scanner = new FaultScanner((line, reason) => problems.push(`${line}: ${reason}`));
  const faults = lines.flatMap((line, i) => scanner.line(line, i + 1));
  return { faults: [...faults, ...scanner.end()], problems };
}

const ONE_LINE: readonly (readonly [string, string])[] = [
  [
    "DMAR: [DMA Write PASID 0x1] Request device [0x00:0x02.0] fault addr 0x70ad5000 [fault reason 0x71] SM: Present bit in first-level paging entry is clear",
    "dmar 00:02.0 1 0x70ad5000 write fault reason 0x71: SM: Present bit in first-level paging entry is clear",
  ],
  [
    "DMAR: [INTR-REMAP] Request device [f0:1f.0] fault index 0x22 [fault reason 0x25] Blocked a compatibility format interrupt request",
    "dmar f0:1f.0 null null unknown interrupt remapping, index 0x22, fault reason 0x25: Blocked a compatibility format interrupt request",
  ],
  [
    "nvme 0001:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0014 address=0xfffe1000 flags=0x0000]",
    "amd-vi 0001:01:00.0 null 0xfffe1000 read IO_PAGE_FAULT, page not present, flags 0x0000",
  ],
  [
    "iommu ivhd1: AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=0000:00:14.0 pasid=0x00000 address=0xfffffffdf8000000 flags=0x0a00]",
    "amd-vi 0000:00:14.0 null 0xfffffffdf8000000 unknown INVALID_DEVICE_REQUEST, flags 0x0a00",
  ],
  [
    "AMD-Vi: Event logged [COMMAND_HARDWARE_ERROR address=0x12340 flags=0x0000]",
    "amd-vi null null null unknown COMMAND_HARDWARE_ERROR, flags 0x0000",
  ],
  [
    "arm-smmu 5000000.iommu: Unhandled context fault: iova=0x1000, fsr=0x408, fsynr=0x11, cb=2",
    "smmu-v2 null null 0x1000 write permission fault, fsr 0x408",
  ],
  ["virtio_iommu virtio0: domain fault from EP 8 [R]", "virtio-iommu endpoint 8 null null read domain fault"],
  [
    "irq/26-AMD-Vi-154     [006] .....   327.753942: io_page_fault: IOMMU:ath12k_pci 0000:c2:00.0 iova=0x00000000fe980000 flags=0x0001",
    "io_page_fault 0000:c2:00.0 null 0xfe980000 write driver ath12k_pci, flags 0x0001",
  ],
];

for (const [line, expected] of ONE_LINE)
  test(line.slice(0, 70), () => {
    const { faults, problems } = scan(line);
    assert.equal([faults.map(detail), problems], [[expected], []]);
  });

test("an SMMU v3 event in words is one fault with its raw lines, and with the lines between", () => {
  const smmu = "arm-smmu-v3 arm-smmu-v3.0.auto:";
  const { faults, problems } = scan(
    `[    5.000001] ${smmu} event 0x10 received:`,
    `[    5.000002] ${smmu} \t0x0002060000001810`,
    "[    5.000003] usb 1-1: new high-speed USB device",
    `[    5.000004] ${smmu} \t0x0000020000000000`,
    `[    5.000005] ${smmu} \t0x00000000ff9bc000`,
    `[    5.000006] ${smmu} \t0x0000000000000000`,
    `[    5.000007] ${smmu} event: F_TRANSLATION client: 0001:06:00.0 sid: 0x20600 ssid: 0x1 iova: 0xff9bc000 ipa: 0x0`,
    `[    5.000008] ${smmu} unpriv data write s1 "Input address caused fault" stag: 0x0`,
    `[    6.000000] ${smmu} event 0x13 received:`,
    `[    6.000001] ${smmu} \t0x0000080000000013`,
    `[    6.000002] ${smmu} \t0x0000000800000000`,
    `[    6.000003] ${smmu} \t0x0000000000002000`,
    `[    6.000004] ${smmu} \t0x0000000000000000`,
    `[    7.000000] ${smmu} event: F_STE_FETCH client: (unassigned sid) sid: 0x9 ssid: 0x0 fetch_addr: 0x1000`,
    `[    8.000000] ${smmu} event 0x10 received:`,
  );
  assert.equal(
    faults.map((fault) => `${fault.line} ${detail(fault)}`),
    [
      "1 smmu-v3 0001:06:00.0 1 0xff9bc000 write F_TRANSLATION (0x10), Input address caused fault, stage 1",
      "9 smmu-v3 sid 0x800 null 0x2000 read F_PERMISSION (0x13)",
      "14 smmu-v3 sid 0x9 null null unknown F_STE_FETCH",
    ],
  );
  assert.equal(problems, ["15: an SMMU event that breaks off"]);
});

test("a line that breaks off is a problem, and no invented fault", () => {
  const { faults, problems } = scan(
    "[    1.000000] DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault ad",
    "[    1.000000] AMD-Vi: Event logged [IO_PAGE_FAULT device=20:00.0 domain=0x0003 addr",
    "[    1.000000] arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, io",
    "[    1.000000] virtio_iommu virtio0: page fault from EP 40 at",
    "[    1.000000] AMD-Vi: Event logged [",
  );
  assert.equal(faults, []);
  assert.equal(problems.length, 5);
});

test("a fault waits for its second line past others, but not for ever", () => {
  const head = "[    1.000000] dmar: DMAR:[DMA Read] Request device [00:02.0] fault addr 1000 ";
  const other = "[    1.000001] usb 1-1: new device";
  const tail = "[    1.000002] DMAR:[fault reason 06] PTE Read access is not set";
  assert.is(scan(head, other, tail).faults[0]?.reason, "fault reason 06: PTE Read access is not set");
  const alone = scan(head, ...Array.from({ length: 20 }, () => other), tail);
  assert.equal(alone.faults.map(detail), ["dmar 00:02.0 null 0x1000 read "]);
  assert.equal(scan(head).faults.length, 1);
});

test("the kernel's clock is read behind every prefix, a date is none", () => {
  const fault = "DMAR: [DMA Read NO_PASID] Request device [00:05.0] fault addr 0x0 [fault reason 0x06] x";
  const stamps: readonly (readonly [string, bigint | undefined])[] = [
    [`[   28.381389] ${fault}`, 28381389n],
    [`<3>[   28.381389][  T134] ${fault}`, 28381389n],
    [`kernel: [   28.381389] ${fault}`, 28381389n],
    [`Nov 01 16:52:04 host kernel: [   28.381389] ${fault}`, 28381389n],
    [`[    7.471032] [pid:134,cpu0,irq/13-arm-smmu]${fault}`, 7471032n],
    [`3,339,5140900,-;${fault}`, 5140900n],
    [`Nov 01 16:52:04 host kernel: ${fault}`, undefined],
    [`[Mon Nov 23 19:39:01 2026] ${fault}`, undefined],
    [fault, undefined],
  ];
  for (const [line, ticks] of stamps) assert.is(scan(line).faults[0]?.stamp?.ticks, ticks, line);
});

test("a clock mark of the recorder is an anchor", () => {
  const line = "[  430.291831] ioasis_sync realtime=1795417285.188175293 mono=430.291800334 boot=430.291802858";
  const { facts } = decode(dmesgDecoder(), [line]);
  assert.equal(facts[0]?.event, {
    type: "ClockAnchored",
    clock: "dmesg",
    seconds: "430.291831",
    realtime: "1795417285.188175293",
  });
});

test("lines of any length and content are taken", () => {
  const { faults } = scan("\0\u{fffd}", "Request device [".repeat(100_000), "iommu".repeat(200_000));
  assert.equal(faults, []);
  const long = `${"iommu".repeat(200_000)}: 5 callbacks suppressed`;
  assert.equal(decode(dmesgDecoder(), [long, ""]).facts, []);
});

test("a PCI address with domain 0 is the one without a domain", () => {
  assert.ok(sameDevice("00:05.0", "0000:00:05.0"));
  assert.ok(sameDevice("0000:0A:05.0", "0a:05.0"));
  assert.not(sameDevice("00:05.0", "0001:00:05.0"));
  assert.not(sameDevice("00:05.0", "00:05.1"));
  assert.not(sameDevice("endpoint 5", "endpoint 50"));
});

test.run();
