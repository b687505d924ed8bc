import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import { SPAPR_BUGS } from "../spapr/kernel-bugs.ts";
import { conformFile } from "./conform-file.ts";
import { SPAPR_CHECKED } from "./spapr-operations.ts";
import { SPAPR_FOLLOWED } from "./spapr-surroundings.ts";

const test = suite("conform spapr");
const RECORDINGS = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/conform/spapr");

const linesOf = (file: string): string[] =>
  gunzipSync(readFileSync(path.join(RECORDINGS, file)))
    .toString()
    .split("\n");
const filesOf = (folder: string): string[] =>
  readdirSync(path.join(RECORDINGS, folder))
    .map((name) => path.join(folder, name))
    .sort();

function add(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) into[name] = (into[name] ?? 0) + count;
}

const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((all, count) => all + count, 0);

/** Sums over a folder; every disagreement fails with its file. */
function total(folder: string, kernel?: string) {
  const [ignored, flagged]: [Record<string, number>, Record<string, number>] = [{}, {}];
  let [steps, agreed] = [0, 0];
  for (const file of filesOf(folder)) {
    const report = conformFile(linesOf(file), kernel === undefined ? {} : { kernel });
    assert.equal(report.disagreed, [], file);
    steps += report.steps;
    agreed += report.agreed;
    add(ignored, report.ignored);
    add(flagged, report.flagged);
  }
  assert.is(steps, agreed + sum(ignored) + sum(flagged), folder);
  return { steps, agreed, ignored, flagged };
}

for (const [folder, agreed, flagged] of [
  ["scenarios", 879, { "spapr-map-past-window-end": 1 }],
  ["random", 1364, { "spapr-map-past-window-end": 3 }],
  ["hash", 17, {}],
  ["oops", 21, { "spapr-map-past-table-end": 1 }],
  ["page4k/scenarios", 98, {}],
  ["page4k/random", 435, {}],
  ["k73/scenarios", 41, {}],
  ["k73/random", 547, { "spapr-map-past-window-end": 1 }],
  ["powernv/scenarios", 792, { "spapr-unmap-past-table-end": 3 }],
  ["powernv/random", 998, { "spapr-undefined-shift": 1, "spapr-unmap-past-table-end": 8 }],
] as const) {
  test(`${folder}: no step disagrees, and the kernel's mistakes are named`, () => {
    const found = total(folder);
    assert.is(found.agreed, agreed);
    assert.equal(found.flagged, flagged);
    for (const name of Object.keys(found.flagged)) assert.ok(SPAPR_BUGS.some((bug) => bug.name === name));
  });
}

test("what is not checked is a closed list, and no translation is on it", () => {
  const environment = ["drop_caps", "mprotect", "munmap", "rlimit_memlock"];
  assert.equal([...SPAPR_FOLLOWED.keys()].sort(), [...environment, "dma_copy", "fill", "peek", "raw_ioctl"].sort());
  assert.ok(SPAPR_CHECKED.has("dma_write"));
  assert.equal(total("powernv/scenarios").ignored["eeh_op"], 3);
  assert.equal(total("scenarios").ignored["eeh_op"], undefined);
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

test("every step is really compared: told otherwise it is a disagreement", () => {
  let told = 0;
  for (const file of filesOf("scenarios").filter((_, n) => n % 3 === 0)) {
    for (const line of linesOf(file).slice(1)) {
      if (line === "") continue;
      const { i, op, out } = JSON.parse(line);
      if (SPAPR_FOLLOWED.has(op)) continue;
      const lie = (step: { errno: unknown; out: Record<string, unknown> }) => {
        if (op !== "dma_write") step.errno = "EBADFD";
        else step.out = { va_off: out.va_off === null ? "0x0" : null };
      };
      const { disagreed } = conformFile(tampered(file, i, lie));
      assert.ok(
        disagreed.some((one) => one.i === i),
        `${file} ${i}`,
      );
      told++;
    }
  }
  assert.ok(told > 200);
});

test("a window that the recording made and the model does not is gone on with", () => {
  const file = "scenarios/create-third.jsonl.gz";
  const lie = tampered(file, 5, (step) => {
    step.errno = 0;
    step.out = { start_addr: "0x1000000000000" };
  });
  assert.equal(conformFile(lie).disagreed[0], { i: 5, op: "tce_create", field: "errno", expected: 0, got: "ENOSPC" });
});

test("another kernel generation disagrees where an unmap ends past its window", () => {
  const older = conformFile(linesOf("scenarios/unmap-empty.jsonl.gz"), { kernel: "7.3" }).disagreed;
  assert.equal(older[0], { i: 7, op: "unmap_dma", field: "ret", expected: undefined, got: 1 });
});

test("a machine, a kernel or a page size without a model is refused by name", () => {
  const [meta = "", ...steps] = linesOf("scenarios/info.jsonl.gz");
  for (const [from, to, message] of [
    ['"pseries"', '"pegasos"', /no model of the machine "pegasos"/],
    ["6.12.107", "4.4.0", /no model of kernel/],
    ['"page_size":65536', '"page_size":16384', /16384/],
  ] as const)
    assert.throws(
      () => conformFile([meta.replace(from, to), ...steps]),
      (error: unknown) => error instanceof IoasisError && error.code === "ERR_INPUT" && message.test(error.message),
    );
});

test.run();
