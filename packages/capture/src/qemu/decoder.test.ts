/** Real logs of QEMU 6 to 10: every line is recognised, and these facts come out, no more and no fewer. */
import type { ObservedEvent } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countsOf, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { looksLikeQemu, qemuDecoder } from "./decoder.ts";

const test = suite("QEMU log");

const RECORDINGS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "crosslayer-2020-qemu-syslog.txt": { "container IovaMapped": 5 },
  "qemu-iommufd-grace-dmabuf-mapfile.txt": { "iommufd=303 IovaMapped": 4 },
  "qemu-iommufd-uefi-39bit-fail.txt": { "iommufd=10 MapRefused EINVAL": 2 },
  "qemu-map-fail-container-rename.txt": { "container MapRefused EINVAL": 2 },
  "qemu-map-fail-listener-region.txt": {
    "container MapRefused EFAULT": 1,
    "container MapRefused ENOMEM": 2,
    "container MapRefused UNKNOWN": 1,
    "iommufd MapRefused EFAULT": 1,
  },
  "qemu-map-fail-proxmox-1353.txt": { "container MapRefused EINVAL": 4 },
  "qemu-trace-dirty-tracking-ovmf.txt": {},
  "qemu-trace-duplicate-region-oracle-qemu-9.txt": { "container IovaMapped": 2 },
  "qemu-trace-libvfio-user-439-skip.txt": { "container IovaMapped": 1 },
  "qemu-trace-libvfio-user-439-startup.txt": { "container IovaMapped": 4 },
  "qemu-trace-libvfio-user-439-teardown.txt": {},
  "qemu-trace-notimestamp-libvfio-user-544.txt": { "container IovaMapped": 7, "container IovaUnmapped": 6 },
  "qemu-trace-overlap-2021.txt": {
    "container IovaMapped": 3,
    "container IovaUnmapped": 2,
    "container MapRefused EINVAL": 1,
  },
  "qemu-trace-smmuv3.txt": {},
  "qemu-q35-e1000e-256m.log.gz": { ...passedThrough("iommufd=10", 1), ...mappings("iommufd=10", 24, 15, 3) },
  "qemu-q35-e1000e-256m.stderr.txt": { "iommufd MapRefused EFAULT": 3 },
  "qemu-q35-edu-64m.log": { ...passedThrough("iommufd=9", 1), ...mappings("iommufd=9", 18, 12, 1) },
  "qemu-q35-edu-64m.stderr.txt": { "iommufd MapRefused EFAULT": 1 },
  "qemu-q35-edu-64m-container.log": { "container IovaMapped": 19, "container IovaUnmapped": 12 },
  "qemu-q35-edu-64m-container.stderr.txt": { "container MapRefused EFAULT": 1 },
  "qemu-q35-two-devs.log.gz": { ...passedThrough("iommufd=9", 2), ...mappings("iommufd=9", 20, 12, 4) },
  "qemu-q35-two-devs.stderr.txt": { "iommufd MapRefused EFAULT": 4 },
  "qemu-viommu-e1000e.log.gz": {
    ...passedThrough("iommufd=10", 1),
    ...mappings("iommufd=10", 1269, 1259, 27),
    "iommufd=10 UnmapRefused ENOENT": 53,
  },
  "viommu.stderr.txt": { "iommufd MapRefused EFAULT": 27 },
  "qemu-viommu-vtd.log.gz": { "vtd IovaMapped": 270, "vtd IovaUnmapped": 12 },
  "qemu-virtio-iommu-e1000e.log.gz": {
    "virtio-iommu DeviceAttached": 2,
    "virtio-iommu IovaMapped": 3407,
    "virtio-iommu IovaUnmapped": 3405,
  },
  "qemu-pc-e1000e-256m-legacy.log": { "container IovaMapped": 26, "container IovaUnmapped": 14 },
  "qemu-q35-edu-64m-legacy.log": { "container IovaMapped": 19, "container IovaUnmapped": 12 },
  "qemu-q35-edu-96m-legacy.log": { "container IovaMapped": 19, "container IovaUnmapped": 12 },
  "qemu-q35-two-devs-128m-legacy.log": { "container IovaMapped": 24, "container IovaUnmapped": 12 },
  "spapr-default.log.gz": spapr({ tables: 14, windows: 5, maps: 825, unmaps: 5313 }),
  "spapr-disable_ddw.log.gz": spapr({ tables: 11, windows: 2, maps: 2315, unmaps: 5680 }),
};

function passedThrough(context: string, devices: number): Record<string, number> {
  return {
    [`${context} DeviceBound`]: devices,
    [`${context} IoasAllocated`]: 1,
    [`${context} HwptAllocated`]: 1,
    [`${context} DeviceAttached`]: devices,
  };
}

function mappings(context: string, maps: number, unmaps: number, refused: number): Record<string, number> {
  return {
    [`${context} IovaMapped`]: maps,
    [`${context} IovaUnmapped`]: unmaps,
    [`${context} MapRefused UNKNOWN`]: refused,
  };
}

function spapr(count: { tables: number; windows: number; maps: number; unmaps: number }): Record<string, number> {
  return {
    "spapr IoasAllocated": count.tables,
    "spapr IoasDestroyed": 5,
    "spapr WindowCreated": count.windows,
    "spapr WindowRemoved": 2,
    "spapr IovaMapped": count.maps,
    "spapr IovaUnmapped": count.unmaps,
  };
}

for (const [file, expected] of Object.entries(RECORDINGS)) {
  test(file, () => {
    const lines = linesOf(`tests/recordings/qemu/${file}`);
    const { facts, problems } = decode(qemuDecoder(), lines);
    assert.equal(problems, []);
    assert.equal(countsOf(facts), expected);
    const whole = written(facts);
    for (const length of prefixLengths(lines.length)) {
      const prefix = decode(qemuDecoder(), lines.slice(0, length), false);
      assert.ok(whole.startsWith(written(prefix.facts)), `the facts of the first ${length} lines changed later`);
    }
  });
}

test("a recorded migration, both sides", () => {
  const source = decode(qemuDecoder(), linesOf("demo/source.log.gz"));
  assert.equal(source.problems, []);
  assert.equal(countsOf(source.facts), {
    "virtio-iommu DeviceAttached": 2,
    "virtio-iommu IovaMapped": 23_584,
    "virtio-iommu IovaUnmapped": 23_327,
  });
  const destination = decode(qemuDecoder(), linesOf("demo/destination.log.gz"));
  assert.equal(destination.problems, []);
  assert.equal(countsOf(destination.facts), { "virtio-iommu IovaMapped": 4, "virtio-iommu IovaUnmapped": 259 });
  assert.equal(destination.facts[1], {
    context: "virtio-iommu",
    profile: "virtio-iommu",
    event: { type: "IovaUnmapped", ioas: 0, iova: 0xfffdf000n, last: 0xfffdffffn, bytes: 0x1000n },
    errno: null,
    stamp: { clock: "realtime", ticks: 1_795_415_918_170_550n, decimals: 6 },
    actor: { comm: null, pid: null, tid: 21_023, cpu: null, flags: null },
    line: 3,
  });
});

test("what each kind of line becomes", () => {
  const events = (file: string): ObservedEvent[] =>
    decode(qemuDecoder(), linesOf(`tests/recordings/qemu/${file}`)).facts.map(({ event }) => event);
  const file = { kind: "file", fd: 306, start: 12_128_256n } as const;
  assert.equal(events("qemu-iommufd-grace-dmabuf-mapfile.txt")[1], {
    ...{ type: "IovaMapped", ioas: 2, iova: 0x30000b91000n, last: 0x30003ffffffn, prot: "rw", source: file },
  });
  const edu = events("qemu-q35-edu-64m.log");
  assert.equal(edu[3], { type: "DeviceAttached", device: "0000:00:05.0", pasid: null, ioas: 2, hwpt: 3 });
  assert.equal(edu.filter((event) => event.type === "IovaMapped").map(({ prot }) => prot)[1], "r");
  const overlap = decode(qemuDecoder(), linesOf("tests/recordings/qemu/qemu-trace-overlap-2021.txt")).facts.at(-1);
  assert.equal([overlap?.line, overlap?.errno, overlap?.drift?.rule], [7, "EINVAL", "errno-text-disagrees"]);
  const spaprMaps = events("spapr-default.log.gz").filter((event) => event.type === "IovaMapped");
  const direct = spaprMaps.filter(({ ioas }) => ioas === 0x80000001);
  assert.equal(direct.length, 2, "a list of TCEs: all but the last one, whose value is told, and that one");
  assert.equal([direct[0]?.iova, direct[0]?.last], [0x800000000000000n, 0x80000007effffffn]);
  assert.equal([direct[1]?.last, direct[1]?.source], [0x80000007fffffffn, { kind: "gpa", gpa: 0x7f000000n }]);
});

test("only QEMU's lines look like QEMU's", () => {
  for (const file of Object.keys(RECORDINGS)) {
    const lines = linesOf(`tests/recordings/qemu/${file}`);
    assert.ok(lines.some(looksLikeQemu), file);
  }
  for (const file of ["demo/dma-e1000e.trace.txt.gz", "demo/vfio-intel48.dmesg.txt.gz"])
    assert.not(linesOf(file).some(looksLikeQemu), file);
});

test.run();
