import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import { type ConformOptions, conformFile } from "./conform-file.ts";

const test = suite("conform iommufd");
const RECORDINGS = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/conform");

const linesOf = (file: string): string[] =>
  gunzipSync(readFileSync(path.join(RECORDINGS, file)))
    .toString()
    .split("\n");
const filesOf = (folder: string): string[] =>
  readdirSync(path.join(RECORDINGS, folder))
    .map((name) => path.join(folder, name))
    .sort();

/** Steps, and what of them was not compared; every disagreement fails with its file. */
function total(folder: string, options: ConformOptions = {}) {
  const ignored = new Map<string, number>();
  let steps = 0;
  for (const file of filesOf(folder)) {
    const report = conformFile(linesOf(file), options);
    assert.equal(report.disagreed, [], file);
    const skipped = Object.values(report.ignored).reduce((sum, count) => sum + count, 0);
    assert.is(report.steps, report.agreed + skipped, file);
    steps += report.steps;
    for (const [op, count] of Object.entries(report.ignored)) ignored.set(op, (ignored.get(op) ?? 0) + count);
  }
  return { steps, ignored: Object.fromEntries([...ignored].sort()) };
}

const MEMORY = { "access_rw.matches_va_off": 5, check_refs: 18, fill: 2, mem_limit: 4, peek: 2 };

for (const [folder, steps, ignored] of [
  ["scenarios", 930, { ...MEMORY, "get_dirty.bitmap": 5 }],
  ["random", 10_734, { "get_dirty.bitmap": 4 }],
  ["k73/scenarios", 116, { "get_dirty.bitmap": 12, hw_info: 5 }],
  ["k73/random", 4352, { "get_dirty.bitmap": 39 }],
  ["k73/only73", 44, {}],
  ["vfio-intel48/scenarios", 70, {}],
  ["vfio-intel48/random", 1051, {}],
  ["vfio-intel39/scenarios", 70, {}],
  ["vfio-intel39/random", 991, {}],
  ["vfio-viommu/scenarios", 70, {}],
  ["vfio-viommu/random", 999, {}],
  ["k73/vfio-viommu/scenarios", 43, {}],
] as const) {
  test(`${folder}: every step agrees but those that no call decides`, () =>
    assert.equal(total(folder), { steps, ignored }));
}

const HWPT_ALLOC = (iommu: string) => linesOf(`${iommu}/scenarios/vfio-hwpt-alloc.jsonl.gz`);

test("the outcomes tell the IOMMU of a real device, as far as they differ", () => {
  const host = (lines: string[]) => conformFile(lines).host;
  assert.is(host(HWPT_ALLOC("vfio-intel48")), "intel-iommu, 48 bits");
  assert.is(host(HWPT_ALLOC("vfio-intel39")), "intel-iommu, 39 bits");
  assert.is(host(HWPT_ALLOC("vfio-viommu")), "virtio-iommu, 39 bits");
  assert.is(host(linesOf("scenarios/object-ids.jsonl.gz")), null);
  const open = HWPT_ALLOC("vfio-intel48").slice(0, 3);
  assert.match(host(open) ?? "", /^intel-iommu, 48 bits or .* or amd-iommu$/);
});

test("an IOMMU that is named is not guessed, and one that is not known is refused", () => {
  const { host, disagreed } = conformFile(HWPT_ALLOC("vfio-viommu"), { host: "intel-iommu, 39 bits" });
  assert.is(host, "intel-iommu, 39 bits");
  assert.ok(disagreed.some(({ op, field }) => op === "iova_ranges" && field === "ranges"));
  try {
    conformFile(HWPT_ALLOC("vfio-viommu"), { host: "smmu" });
    assert.unreachable();
  } catch (error) {
    assert.ok(error instanceof IoasisError && error.code === "ERR_INPUT");
    assert.match(String(error), /no model of the IOMMU "smmu" on Linux 6\.12: one of "intel-iommu, 48 bits"/);
  }
});

/** A recording of these calls. */
function recording(...calls: readonly (readonly [op: string, given: object, errno: string | 0, out: object])[]) {
  const meta = linesOf("scenarios/object-ids.jsonl.gz")[0] as string;
  return [meta, ...calls.map(([op, given, errno, out], i) => JSON.stringify({ i, op, in: given, errno, out }))];
}

const ALLOC = ["ioas_alloc", { flags: 0 }, 0, { ioas: "ioas0", id: 1 }] as const;
const BUFFER = "0x100000000000";

test("AMD's ranges leave out HyperTransport and have no width", () => {
  const ranges = [
    ["0x0", "0xfedfffff"],
    ["0xfef00000", "0xfcffffffff"],
    ["0x10000000000", "0xffffffffffffffff"],
  ];
  const told = { num_iovas: 3, out_iova_alignment: "0x1000", ranges };
  const lines = recording(
    ALLOC,
    ["vfio_open", { path: "/dev/vfio/devices/vfio0" }, 0, { vdev: "vdev0" }],
    ["vfio_bind", { vdev: "vdev0" }, 0, { videv: "videv0", id: 2 }],
    ["vfio_attach", { vdev: "vdev0", pt_id: 1 }, 0, { hwpt: "hwpt0", hwpt_id: 3 }],
    ["iova_ranges", { ioas_id: 1, slots: 8 }, 0, told],
  );
  const { host, disagreed } = conformFile(lines);
  assert.equal([host, disagreed], ["amd-iommu", []]);
});

test("protected memory comes back, removed memory does not", () => {
  const access = (errno: string | 0) => {
    const given = { access: "access0", iova: "0x1000", length: "0x10", flags: 0 };
    return ["access_rw", given, errno, {}] as const;
  };
  const page = { va: BUFFER, length: "0x1000" };
  const lines = recording(
    ALLOC,
    ["map", { ioas_id: 1, flags: 7, ...page, iova: "0x1000" }, 0, { iova: "0x1000" }],
    ["create_access", { ioas_id: 1, flags: 0 }, 0, { access: "access0" }],
    access(0),
    ["mprotect", { ...page, prot: 0 }, 0, {}],
    access("EFAULT"),
    ["mprotect", { ...page, prot: 1 }, 0, {}],
    access(0),
    ["munmap", { va: "0x100000000800", length: "0x1000" }, "EINVAL", {}],
    ["munmap", page, 0, {}],
    ["mprotect", { ...page, prot: 3 }, "ENOMEM", {}],
    access("EFAULT"),
    ["close_access", { access: "access0" }, 0, {}],
    ["destroy", { obj_id: 1 }, 0, {}],
  );
  assert.equal(conformFile(lines).disagreed, []);
});

test("an operation that the model does not know is a disagreement", () => {
  const { disagreed } = conformFile(recording(ALLOC, ["frob", {}, 0, {}], ["fill", {}, 0, {}]));
  assert.equal(disagreed, [{ i: 1, op: "frob", field: "op", expected: "frob", got: undefined }]);
});

test("the ioas of the container emulation is got, set, cleared and lost with its destruction", () => {
  const vfio = (op: number, ioas_id: number, errno: string | 0, out = {}) =>
    ["vfio_ioas", { op, ioas_id }, errno, out] as const;
  const lines = recording(
    vfio(0, 0, "ENODEV"),
    ALLOC,
    vfio(1, 7, "ENOENT"),
    vfio(1, 1, 0),
    vfio(0, 0, 0, { ioas: "ioas0", ioas_id: 1 }),
    vfio(2, 0, 0),
    vfio(0, 0, "ENODEV"),
    vfio(1, 1, 0),
    ["destroy", { obj_id: 1 }, 0, {}],
    vfio(0, 0, "ENODEV"),
  );
  assert.equal(conformFile(lines).disagreed, []);
});

test("a wrong bit of a dirty bitmap is a disagreement", () => {
  const file = "scenarios/dirty-basic.jsonl.gz";
  const lines = linesOf(file).map((line) => line.replace('"bitmap":"0180"', '"bitmap":"0181"'));
  const [first] = conformFile(lines).disagreed;
  assert.equal([first?.op, first?.field, first?.expected, first?.got], ["get_dirty", "bitmap", "0181", "0180"]);
});

test.run();
