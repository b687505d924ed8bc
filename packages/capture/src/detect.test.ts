/** Every recording of the project, and what lies beside recordings. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FormatName } from "./decoder.ts";
import { FORMATS } from "./decoder.ts";
import { detect } from "./detect.ts";
import { decoderOf } from "./formats.ts";

const test = suite("detect");
const ROOT = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings");
const HEAD_BYTES = 256 * 1024;

function content(file: string): Uint8Array {
  const bytes = readFileSync(path.join(ROOT, file));
  return (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).subarray(0, HEAD_BYTES);
}

const answer = (head: Uint8Array, name: string): string => {
  const detected = detect(head, name);
  return "format" in detected ? detected.format : detected.refusal;
};
const said = (text: string) => answer(new TextEncoder().encode(text), "x");

/** What every file of a folder is; a few folders mix. */
const FOLDERS: Readonly<Record<string, (file: string) => FormatName>> = {
  bpftrace: () => "bpftrace",
  dmesg: () => "dmesg",
  dpdk: (file) => (file.includes("3217") ? "vfio-user" : "dpdk"),
  kernel: (file) =>
    /perf/.test(file)
      ? "perf"
      : /trace-cmd/.test(file)
        ? "trace-cmd"
        : /legacy|oracle1-/.test(file)
          ? "kprobe"
          : "ftrace",
  qemu: () => "qemu",
  vectors: () => "vectors",
  "vfio-user": () => "vfio-user",
};

for (const [folder, formatOf] of Object.entries(FOLDERS))
  test(`recordings of ${folder}`, () => {
    const files = readdirSync(path.join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isFile());
    assert.ok(files.length > 0);
    for (const { name } of files) {
      const file = `${folder}/${name}`;
      assert.is(answer(content(file), name), formatOf(name), file);
    }
  });

const OTHERS: Readonly<Record<string, RegExp>> = {
  "bpftrace-info.txt": /report of `bpftrace --info`/,
  "cloud-hypervisor-map-errors.txt": /cloud-hypervisor log/,
  "cmdline.txt": /kernel's command line/,
  "dt-windows.txt": /device-tree/,
  "intel-debugfs-ls.txt": /directory listing/,
  "intel-dmar_translation_struct.txt": /root and context tables/,
  "intel-iommu_regset.txt": /IOMMU registers/,
  "intel-ir_translation_struct.txt": /interrupt remapping table/,
  "ioasis-extra.bt": /bpftrace script/,
  "iommu-event-formats.txt": /format description/,
  "kallsyms.txt": /kernel symbols/,
  "kernel.head.config": /kernel configuration/,
  "monitor.txt.gz": /QEMU monitor output \(`info mtree`/,
  "pci-iommu-groups.txt": /PCI listing/,
  "perf-trace-ioctl.head.txt": /perf trace output.*record with `perf record -e 'iommu:\*'`/,
  "qmp-events.json": /QMP events \(JSON\)/,
  "recorder.head.sh": /shell script/,
  "selftest.head.tap": /TAP test report/,
  "spapr-pci.txt": /PCI listing/,
  "strace-qemu-128G-blog.txt": /strace log: it names calls, not their arguments/,
  "syncmark.c": /C source/,
  "sysfs-reserved_regions.txt": /sysfs reserved_regions/,
  "trace-cmd.head.dat": /binary trace-cmd file.*`trace-cmd report` first/,
  "version.txt": /kernel's version/,
};

test("files of another kind are refused with a word that says what they are", () => {
  assert.equal(readdirSync(path.join(ROOT, "other")).sort(), Object.keys(OTHERS).sort());
  for (const [file, expected] of Object.entries(OTHERS)) assert.match(answer(content(`other/${file}`), file), expected);
  for (const file of readdirSync(path.join(ROOT, "page-table")))
    assert.match(
      answer(content(`page-table/${file}`), file),
      /Intel page-table dump: give it to `ioasis compare --dump`/,
    );
});

test("what no decoder could read is hopeless, the rest can still be asked for by name", () => {
  const hopeless = (head: Uint8Array) => {
    const detected = detect(head, "x");
    return "refusal" in detected && detected.isHopeless;
  };
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.ok(hopeless(bytes("")));
  assert.ok(hopeless(bytes(" \n\n\r\n")));
  assert.ok(hopeless(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1])));
  assert.ok(hopeless(new Uint8Array([0xff, 0xfe, 0x61, 0x00])));
  assert.not(hopeless(bytes("just words\n")));
  assert.is(said("just words\n"), "no line of a format that ioasis reads was found in it");
  assert.is(said('{\n "a": 1\n}\n'), "this is JSON, but no recording");
  assert.match(answer(bytes("# Title\n\nText.\n"), "README.md"), /documentation/);
});

test("a mixed file has the format of most of its lines", () => {
  const map =
    "  qemu-kvm-42  [000] .....     1.000000: map: IOMMU: iova=0x0000000000001000 - 0x0000000000002000 paddr=0x0000000000005000 size=4096";
  const fault = "[    1.000001] DMAR: DRHD: handling fault status reg 2";
  assert.is(said([map, map, fault].join("\n")), "ftrace");
  assert.is(said([map, fault, fault].join("\n")), "dmesg");
  assert.is(said([`# noted on ${"Monday"}`, map, map].join("\r\n")), "ftrace");
});

test("one gigantic line, comment rules and repeated words are judged in no time", () => {
  for (const text of [
    "x".repeat(HEAD_BYTES),
    "/".repeat(HEAD_BYTES),
    "/**/ ".repeat(50_000),
    `${"console=a ".repeat(400)}(`,
    "a=".repeat(100_000),
  ]) {
    const start = performance.now();
    said(text);
    assert.ok(performance.now() - start < 1_000, text.slice(0, 20));
  }
});

test("every format has its decoder", () => {
  for (const format of FORMATS) assert.ok(FORMATS.includes(decoderOf(format).format), format);
});

test.run();
