/** The test runner itself: every known way in which uvu exits 0 with nothing passed must fail here. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const HEAD = `import { suite } from "uvu";\nimport * as assert from "uvu/assert";\nconst test = suite("sample");\n`;
const PASSES = `test("adds", () => assert.is(1 + 1, 2));\n`;

const test = suite("test runner");

function run(source: string | null): { status: number | null; output: string; last: string } {
  const folder = mkdtempSync(path.join(tmpdir(), "ioasis-runner-"));
  try {
    for (const name of ["packages", "tests"]) mkdirSync(path.join(folder, name));
    if (source !== null) writeFileSync(path.join(folder, "tests", "sample.test.ts"), source);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [path.join(ROOT, "tests/run.mjs"), "--root", folder],
      { encoding: "utf8" },
    );
    return { status, output: stdout + stderr, last: stdout.trimEnd().split("\n").at(-1) ?? "" };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("passes a file whose tests pass, and counts them", () => {
  const { status, last } = run(`${HEAD}${PASSES}test("again", () => assert.ok(true));\ntest.run();\n`);
  assert.is(status, 0);
  assert.is(last, "2 passed, 0 failed");
});

test("fails on a failed assertion", () => {
  const { status, last } = run(`${HEAD}${PASSES}test("wrong", () => assert.is(1, 2));\ntest.run();\n`);
  assert.is(status, 1);
  assert.is(last, "1 passed, 1 failed");
});

for (const [title, source, word] of [
  ["a forgotten .run()", `${HEAD}${PASSES}`, "no test ran"],
  ["no file that matches", null, "no file ends in"],
  [
    "a before hook that throws",
    `${HEAD}test.before(() => { throw new Error("no database"); });\n${PASSES}test.run();\n`,
    "did not run to their end",
  ],
  [
    "an after.each hook that throws",
    `${HEAD}test.after.each(() => { throw new Error("left open"); });\n${PASSES}test.run();\n`,
    "did not run to their end",
  ],
  ["an .only left in", `${HEAD}${PASSES}test.only("one", () => assert.ok(true));\ntest.run();\n`, "skipped"],
  ["a .skip left in", `${HEAD}${PASSES}test.skip("one", () => assert.ok(true));\ntest.run();\n`, "skipped"],
] as const)
  test(`fails on ${title}`, () => {
    const { status, output, last } = run(source);
    assert.is(status, 1, output);
    assert.match(output, word);
    assert.not.match(last, /^\d+ passed, 0 failed$/);
  });

test("fails when one file of several ran nothing", () => {
  const { status } = run(`${HEAD}${PASSES}test.run();\nprocess.exit(3);\n`);
  assert.is(status, 1);
});

test.run();
