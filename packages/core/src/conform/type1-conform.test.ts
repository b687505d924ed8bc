import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import { conformFile } from "./conform-file.ts";
import { readRecording } from "./recording.ts";
import { conformType1, isType1 } from "./type1-conform.ts";

const test = suite("conform type1");
const RECORDINGS = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/conform/type1");

const linesOf = (file: string): string[] =>
  gunzipSync(readFileSync(path.join(RECORDINGS, file)))
    .toString()
    .split("\n");
const filesOf = (folder: string): string[] =>
  readdirSync(path.join(RECORDINGS, folder))
    .map((name) => path.join(folder, name))
    .sort();
const conform = (lines: readonly string[]) => conformType1(readRecording(lines));

function add(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) into[name] = (into[name] ?? 0) + count;
}

/** Sums over a folder; every disagreement fails with its file. */
function total(folder: string) {
  const [ignored, flagged]: [Record<string, number>, Record<string, number>] = [{}, {}];
  let [steps, agreed] = [0, 0];
  for (const file of filesOf(folder)) {
    const report = conform(linesOf(file));
    assert.equal(report.disagreed, [], file);
    steps += report.steps;
    agreed += report.agreed;
    add(ignored, report.ignored);
    add(flagged, report.flagged);
  }
  return { steps, agreed, ignored, flagged };
}

/** The whole list of what is not checked: bytes that move, and what changes the process or the machine. */
const IGNORED = [
  "dev_enable",
  "drop_caps",
  "edu_dma",
  "fill",
  "module_param",
  "mprotect",
  "munmap",
  "peek",
  "rlimit_memlock",
];

for (const [folder, isFlagged] of [
  ["scenarios", false],
  ["intel48/scenarios", false],
  ["intel48/random", false],
  ["intel39/scenarios", false],
  ["intel39/random", false],
  ["amd/scenarios", true],
  ["amd/random", true],
  ["amd/top", true],
  ["viommu64/random", true],
  ["viommu64/top", true],
] as const)
  test(`${folder}: no step disagrees${isFlagged ? "; those past the top of the space are flagged" : ""}`, () => {
    const { steps, agreed, ignored, flagged } = total(folder);
    assert.equal(Object.keys(flagged), isFlagged ? ["type1-top-of-space"] : []);
    const others = [...Object.values(ignored), ...Object.values(flagged)];
    assert.is(steps, agreed + others.reduce((all, count) => all + count, 0));
    for (const op of Object.keys(ignored)) assert.ok(IGNORED.includes(op), op);
  });

/** The recording with the step `i` told otherwise. */
function tampered(
  lines: readonly string[],
  i: number,
  change: (step: { op: string; errno: string | 0 }) => void,
): string[] {
  return lines.map((line) => {
    if (!line.startsWith(`{"i":${i},`)) return line;
    const step = JSON.parse(line);
    change(step);
    return JSON.stringify(step);
  });
}

test("every step is really compared: told another errno, each one disagrees", () => {
  let told = 0;
  for (const file of filesOf("intel48/scenarios").filter((_, n) => n % 6 === 0)) {
    const lines = linesOf(file);
    for (const line of lines.slice(1).filter((text) => text !== "")) {
      const { i, op } = JSON.parse(line);
      if (IGNORED.includes(op)) continue;
      const { disagreed } = conform(tampered(lines, i, (step) => (step.errno = "EXDEV")));
      assert.equal(disagreed[0], { ...disagreed[0], i, op, field: "errno", expected: "EXDEV" }, file);
      told++;
    }
  }
  assert.ok(told > 200);
});

test("a call that succeeded against the model is followed", () => {
  const lines = linesOf("intel48/scenarios/map-overlap-v2.jsonl.gz");
  const refused = lines.find((line) => line.includes('"op":"map_dma"') && line.includes('"EEXIST"'));
  const { i } = JSON.parse(refused ?? "{}");
  const { disagreed } = conform(tampered(lines, i, (step) => (step.errno = 0)));
  assert.equal(disagreed[0], { i, op: "map_dma", field: "errno", expected: 0, got: "EEXIST" });
});

test("an operation outside the list disagrees rather than pass", () => {
  const lines = linesOf("intel48/scenarios/map-basic-v2.jsonl.gz");
  const { disagreed } = conform(tampered(lines, 0, (step) => (step.op = "container_shut")));
  assert.equal(disagreed[0], { i: 0, op: "container_shut", field: "op", expected: "container_shut", got: undefined });
});

test("the meta line chooses the model and the machine; an unknown IOMMU is named", () => {
  const lines = linesOf("intel48/scenarios/map-basic-v2.jsonl.gz");
  assert.ok(isType1(readRecording(lines)));
  assert.is(conformFile(lines).host, "intel48");
  const [meta = "", ...steps] = lines;
  try {
    conform([meta.replace('"iommu":"intel48"', '"iommu":"smmu"'), ...steps]);
    assert.unreachable();
  } catch (error) {
    assert.instance(error, IoasisError);
    assert.match(String(error), /no model of IOMMU "smmu".*intel48/);
  }
  const other = conform([meta.replace('"iommu":"intel48"', '"iommu":"viommu"'), ...steps]);
  assert.ok(other.disagreed.some(({ op }) => op === "get_info"));
});

test.run();
