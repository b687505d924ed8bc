import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import { type ConformOptions, type ConformReport, conformFile } from "./conform-file.ts";

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

/** Steps, agreements and the ignored operations of a folder; every disagreement fails with its file. */
function total(folder: string, options: ConformOptions = {}) {
  const ignored = new Map<string, number>();
  let [steps, agreed] = [0, 0];
  for (const file of filesOf(folder)) {
    const report = conformFile(linesOf(file), options);
    assert.equal(report.disagreed, [], file);
    assert.is(report.steps, report.agreed + sum(report), file);
    steps += report.steps;
    agreed += report.agreed;
    for (const [op, count] of Object.entries(report.ignored)) ignored.set(op, (ignored.get(op) ?? 0) + count);
  }
  return { steps, agreed, ignored: Object.fromEntries([...ignored].sort()) };
}

function sum({ ignored, flagged }: ConformReport): number {
  return [...Object.values(ignored), ...Object.values(flagged)].reduce((all, count) => all + count, 0);
}

test("every step of the scenarios that the model decides agrees; the others are these", () => {
  assert.equal(total("scenarios"), {
    steps: 930,
    agreed: 773,
    ignored: {
      access_pages: 13,
      access_replace_ioas: 2,
      access_rw: 16,
      check_map: 6,
      check_refs: 18,
      close_access: 3,
      create_access: 10,
      drop_caps: 1,
      fill: 2,
      get_dirty: 35,
      hw_info: 6,
      hwpt_alloc: 13,
      mem_limit: 4,
      mock_dirty: 11,
      munmap: 2,
      peek: 2,
      rlimit_memlock: 1,
      set_dirty: 12,
    },
  });
});

for (const [folder, agreed] of [
  ["random", 9546],
  ["k73/scenarios", 49],
  ["k73/random", 3894],
  ["k73/only73", 12],
  ["vfio-intel48/scenarios", 39],
  ["vfio-intel48/random", 921],
  ["vfio-intel39/scenarios", 39],
  ["vfio-intel39/random", 867],
  ["vfio-viommu/scenarios", 39],
  ["vfio-viommu/random", 873],
  ["k73/vfio-viommu/scenarios", 23],
] as const) {
  test(`${folder}: no step disagrees`, () => assert.is(total(folder).agreed, agreed));
}

test("the IOMMU of a real device is the one that explains the recording", () => {
  const host = (file: string) => conformFile(linesOf(file)).host;
  assert.is(host("vfio-intel48/scenarios/vfio-hwpt-alloc.jsonl.gz"), "intel-iommu, 48 bits");
  assert.is(host("vfio-intel39/scenarios/vfio-hwpt-alloc.jsonl.gz"), "intel-iommu, 39 bits");
  assert.is(host("vfio-viommu/scenarios/vfio-hwpt-alloc.jsonl.gz"), "virtio-iommu, 39 bits");
  assert.is(host("scenarios/object-ids.jsonl.gz"), null);
});

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

test("recordings of other interfaces are counted, not judged", () => {
  for (const folder of ["type1/scenarios", "spapr/scenarios"]) {
    const { steps, agreed, ignored } = total(folder);
    assert.is(agreed, 0);
    assert.ok(steps > 10);
    assert.ok((ignored["map_dma"] ?? 0) > 0);
  }
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
