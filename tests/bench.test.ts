/** The bench on tiny sizes: every row is there, and every line has the fields that pipelines read. No time is asserted. */
import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkLine, type Line } from "./bench-line.ts";
import { Workbench } from "./ioasis.ts";

/** Those that can be made small and end soon; the others are in bench.soak.ts. */
const TINY = ["replay@20", "append@500", "open@500", "who@500", "at@500", "memory@500"];

const test = suite("bench");
const bench = new Workbench();
const args = ["bench", "--runs", "1", "--workdir", path.join(bench.folder, "bench")];

test("rows in tiny sizes: their lines have every field", () => {
  const lines = bench.lines<Line>(...args, ...TINY);
  assert.equal([...new Set(lines.map(({ row }) => row))], TINY);
  for (const line of lines) checkLine(line);
});

test("an interrupt ends the row that runs, and its files go", async () => {
  const temporary = mkdtempSync(path.join(bench.folder, "tmp-"));
  const child = bench.start("bench", "growth@200k", "--workdir", temporary);
  const exited = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)));
  await new Promise((resolve) =>
    child.stderr?.on("data", (text) => String(text).includes("makes a history") && resolve(null)),
  );
  child.kill("SIGINT");
  assert.is(await exited, 3);
  assert.equal(
    readdirSync(temporary).filter((name) => name.startsWith("run-")),
    [],
  );
  assert.ok(existsSync(temporary));
});

test.after(() => bench.remove());
test.run();
