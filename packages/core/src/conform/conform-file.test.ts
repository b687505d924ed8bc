import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import { conformFile } from "./conform-file.ts";

const test = suite("conform");
const RECORDINGS = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/conform");

const linesOf = (file: string): string[] =>
  gunzipSync(readFileSync(path.join(RECORDINGS, file)))
    .toString()
    .split("\n");
const filesOf = (folder: string): string[] =>
  readdirSync(path.join(RECORDINGS, folder))
    .map((name) => path.join(folder, name))
    .sort();

test("the kernel can be named, and another generation disagrees", () => {
  assert.equal(conformFile(linesOf("scenarios/object-ids.jsonl.gz"), { kernel: "7.3" }).disagreed, []);
  const older = filesOf("k73/random").flatMap((name) => [...conformFile(linesOf(name), { kernel: "6.12" }).disagreed]);
  assert.ok(older.length > 0);
  assert.ok(
    older.some(
      ({ op, field, expected, got }) =>
        op === "map" && field === "errno" && expected === "EOVERFLOW" && got === "EINVAL",
    ),
  );
});

/** The recording with the step `i` told otherwise. */
function tampered(file: string, i: number, change: (step: { errno: unknown; out: Record<string, unknown> }) => void) {
  return linesOf(file).map((line) => {
    if (!line.startsWith(`{"i":${i},`)) return line;
    const step = JSON.parse(line);
    change(step);
    return JSON.stringify(step);
  });
}

test("a step told otherwise is one disagreement that names the field, and the replay goes on from the recording", () => {
  const file = "scenarios/object-ids.jsonl.gz";
  const other = conformFile(tampered(file, 0, ({ out }) => (out["id"] = 7)));
  assert.equal(other.disagreed[0], { i: 0, op: "ioas_alloc", field: "id", expected: 7, got: 1 });
  const refused = conformFile(
    tampered("scenarios/map-fixed-basic.jsonl.gz", 1, (step) => {
      step.errno = "ENOSPC";
      step.out = {};
    }),
  );
  assert.equal(refused.disagreed[0], { i: 1, op: "map", field: "errno", expected: "ENOSPC", got: 0 });
});

test("every step of every scenario is really compared", () => {
  let told = 0;
  for (const file of filesOf("scenarios").filter((_, n) => n % 4 === 0)) {
    const { ignored } = conformFile(linesOf(file));
    for (const line of linesOf(file).slice(1)) {
      if (line === "") continue;
      const { i, op } = JSON.parse(line);
      if (op in ignored) continue;
      const report = conformFile(tampered(file, i, (step) => (step.errno = "EBADFD")));
      assert.ok(
        report.disagreed.some((one) => one.i === i && one.expected === "EBADFD"),
        `${file} ${i}`,
      );
      told++;
    }
  }
  assert.ok(told > 100);
});

test("a recording of another interface is counted, not judged", () => {
  const lines = [
    '{"meta":{"name":"other","kernel":"6.12.1"}}',
    '{"i":0,"op":"constructor","in":{},"errno":0,"out":{}}',
  ];
  const { ignored, ...rest } = conformFile(lines);
  assert.equal(rest, { steps: 1, agreed: 0, disagreed: [], flagged: {}, host: null });
  assert.equal(Object.entries(ignored), [["constructor", 1]]);
});

/** Calls after a meta line, as JSON lines. */
function recording(
  meta: string,
  calls: readonly (readonly [op: string, given: object, errno?: string | 0, out?: object])[],
) {
  return [
    meta,
    ...calls.map(([op, given, errno = 0, out = {}], i) => JSON.stringify({ i, op, in: given, errno, out })),
  ];
}

test("a recording that tells of ranges that cannot be disagrees and goes on", () => {
  const meta = linesOf("scenarios/object-ids.jsonl.gz")[0] as string;
  const map = { ioas: "ioas0", ioas_id: 1, flags: 7, va: "0x0", va_off: null, iova: "0xffffffffffff0000" };
  const report = conformFile(
    recording(meta, [
      ["ioas_alloc", { flags: 0 }, 0, { ioas: "ioas0", id: 1 }],
      ["map", { ...map, length: "0x20000" }, 0, { iova: "0xffffffffffff0000" }],
      ["map", { ...map, length: "0x0" }, 0, { iova: "0x0" }],
      ["unmap", { ioas: "ioas0", ioas_id: 1, iova: "0x0", length: "0xffffffffffffffff" }, 0, { length: "0x0" }],
    ]),
  );
  assert.equal(
    report.disagreed.map(({ i, got }) => [i, got]),
    [
      [1, "EOVERFLOW"],
      [2, "EINVAL"],
    ],
  );
  assert.is(report.agreed, 2);
});

const VA = { va_base: "0x100000000000", buf_size: "0x4000000" };
const SPAPR_META = JSON.stringify({
  meta: { name: "x", kernel: "6.12.1", page_size: 65536, machine: "pseries", phb: 2, ...VA },
});
const TYPE1_META = JSON.stringify({
  meta: {
    name: "x",
    kernel: "6.12.1",
    iommu: "amd",
    dma_entry_limit: 65535,
    ...VA,
    devices: [{ dev: "edu", bdf: "0000:00:05.0", group: 2, reserved: [] }],
  },
});

test("a process that no step gave another limit may lock 8 MiB without CAP_IPC_LOCK", () => {
  const type1 = { cont: "cont0", flags: 3, va: "0x100000000000", iova: "0x0" };
  const onType1 = conformFile(
    recording(TYPE1_META, [
      ["container_open", {}, 0, { cont: "cont0" }],
      ["group_open", { dev: "edu" }, 0, { group: "group0" }],
      ["set_container", { group: "group0", cont: "cont0" }],
      ["set_iommu", { cont: "cont0", type: 3 }],
      ["drop_caps", {}],
      ["map_dma", { ...type1, size: "0x801000" }, "ENOMEM"],
      ["map_dma", { ...type1, size: "0x800000" }],
    ]),
  );
  assert.equal(onType1.disagreed, []);
  const region = { container: "c0", va: "0x100000000000", flags: 0 };
  const onSpapr = conformFile(
    recording(SPAPR_META, [
      ["container_open", {}, 0, { container: "c0" }],
      ["group_open", { phb: 2 }, 0, { group: "g0" }],
      ["group_set_container", { group: "g0", container: "c0" }],
      ["set_iommu", { container: "c0", type: 7 }],
      ["drop_caps", { cap: "CAP_IPC_LOCK" }],
      ["register_memory", { ...region, size: "0x810000" }, "ENOMEM"],
      ["register_memory", { ...region, size: "0x800000" }],
    ]),
  );
  assert.equal(onSpapr.disagreed, []);
});

test("a struct that is too short, or has something behind it, is refused whatever the call", () => {
  const meta = linesOf(filesOf("k73/random")[0] as string)[0] as string;
  const [map, ids] = [
    { flags: 7, va: "0x0", length: "0x1", iova: "0x0" },
    { dst_id: 9, src_id: 9 },
  ];
  const calls: readonly (readonly [string, object])[] = [
    ["ioas_alloc", { flags: 0 }],
    ["destroy", { obj: null, obj_id: 9 }],
    ["iova_ranges", { ioas_id: 9, slots: 0 }],
    ["allow_iovas", { ioas_id: 9, ranges: [] }],
    ["map", { ioas_id: 9, ...map }],
    ["map_file", { ioas_id: 9, fd: null, start: "0x0", ...map }],
    ["unmap", { ioas_id: 9, iova: "0x0", length: "0x1" }],
    ["copy", { ...ids, flags: 7, length: "0x1", dst_iova: "0x0", src_iova: "0x0" }],
    ["option", { obj_id: 0, option_id: 0, option_op: 1, val64: "0x0" }],
    ["vfio_ioas", { op: 0 }],
    ["hwpt_alloc", { idev_id: 9, pt_id: 9, flags: 0, data_type: 0, data_len: 0 }],
    ["set_dirty", { hwpt_id: 9, flags: 0 }],
    ["get_dirty", { hwpt_id: 9, flags: 0, iova: "0x0", length: "0x1000", page_size: "0x1000" }],
    ["hw_info", { idev_id: 9, flags: 0, data_len: 0 }],
    ["change_process", {}],
  ];
  for (const [op, given] of calls) {
    const report = conformFile(
      recording(meta, [
        [op, { ...given, size: 4 }, "EINVAL"],
        [op, { ...given, size: 4, trailing_nonzero: 1 }, "EINVAL"],
        [op, { ...given, size: 200, trailing_nonzero: 1 }, "E2BIG"],
        [op, { ...given, trailing_nonzero: true }, "E2BIG"],
      ]),
    );
    assert.equal(report.disagreed, [], op);
  }
});

test("a descriptor without a handle is no container of sPAPR", () => {
  const report = conformFile(
    recording(SPAPR_META, [
      ["group_open", { phb: 2 }, 0, { group: "g0" }],
      ["group_set_container", { group: "g0", container: null, fd: 99 }, "EBADF"],
      ["map_dma", { container: null, iova: "0x0", va: "0x0", size: "0x0", flags: 0 }, "EBADF"],
    ]),
  );
  assert.equal(report.disagreed, []);
});

test("what is no recording is refused with its line", () => {
  const meta = linesOf("scenarios/object-ids.jsonl.gz")[0] as string;
  const step = '{"i":0,"op":"ioas_alloc","in":{"flags":0},"errno":0,"out":{"ioas":"ioas0","id":1}}';
  const cases: readonly (readonly [string[], number | undefined, RegExp])[] = [
    [[], 1, /empty/],
    [["{}"], 1, /no "meta"/],
    [["not json"], 1, /no JSON/],
    [[meta, "[]"], 2, /no JSON object/],
    [[meta, step, '{"i":1,"op":"map"'], 3, /no JSON/],
    [[meta, '{"i":1,"op":"map","in":{},"errno":0,"out":{}}'], 2, /"ioas_id" must be a whole number/],
    [[meta, '{"i":1,"op":"unmap","in":{"ioas_id":1,"iova":"12","length":"0x1"},"errno":0,"out":{}}'], 2, /address/],
    [[meta, '{"i":1,"in":{},"errno":0,"out":{}}'], 2, /no "op"/],
    [[meta.replace("6.12.107", "4.4"), step], undefined, /no model of kernel/],
  ];
  for (const [lines, line, message] of cases) {
    try {
      conformFile(lines);
      assert.unreachable(String(message));
    } catch (error) {
      assert.instance(error, IoasisError);
      if (!(error instanceof IoasisError)) return;
      assert.is(error.code, "ERR_INPUT");
      assert.match(error.message, message);
      assert.is(error.at["line"], line);
    }
  }
});

test.run();
