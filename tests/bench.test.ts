/** The bench on tiny sizes: every row is there, and every line has the fields that pipelines read. No time is asserted. */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkLine, type Line } from "./bench-line.ts";
import { ROOT, Workbench } from "./ioasis.ts";

/** The rows of the project's targets. */
const TARGET_ROWS = [
  "replay",
  "append",
  "durable-command",
  "block-bytes",
  "open",
  "who",
  "at",
  "memory",
  "rss",
  "import",
];
/** Those that can be made small; the others are in bench.soak.ts. */
const TINY = ["replay@20", "append@500", "open@500", "replicate@500", "who@500", "at@500", "memory@500", "rss@500"];

const test = suite("bench");
const bench = new Workbench();
const args = ["bench", "--runs", "1", "--workdir", path.join(bench.folder, "bench")];

test("every target has its row", () => {
  const ids = bench.json<{ id: string; goal: string | null }[]>("bench", "--list");
  for (const id of TARGET_ROWS) assert.ok(ids.find((row) => row.id === id)?.goal, id);
});

test("rows in tiny sizes: their lines have every field", () => {
  const lines = bench.lines<Line>(...args, ...TINY);
  assert.equal([...new Set(lines.map(({ row }) => row))], TINY);
  for (const line of lines) checkLine(line);
});

test("growth: points of every curve, a page and a picture made from them", () => {
  const out = path.join(bench.folder, "pages");
  const lines = bench.lines<Line>(...args, "growth@500", "--out", out);
  for (const line of lines) {
    checkLine(line);
    assert.ok((line.events ?? 0) > 0);
  }
  assert.equal(readdirSync(out).sort(), ["growth.md", "growth.ndjson", "growth.svg"]);
  const curves = new Set(lines.map(({ row }) => row));
  const svg = readFileSync(path.join(out, "growth.svg"), "utf8");
  assert.is(svg.match(/<polyline /g)?.length, curves.size);
  assert.match(readFileSync(path.join(out, "growth.md"), "utf8"), "flat within 1.2 ×");
  const before = readFileSync(path.join(out, "growth.svg"), "utf8");
  assert.is(bench.run("bench", "--redraw", "--out", out).status, 0);
  assert.is(readFileSync(path.join(out, "growth.svg"), "utf8"), before);
});

test("docs/benchmarks tells of every row", () => {
  const text = readFileSync(path.join(ROOT, "docs/benchmarks/README.md"), "utf8");
  for (const { id } of bench.json<{ id: string }[]>("bench", "--list"))
    assert.ok(text.includes(`\n| \`${id.replace(/^growth-.*/, "growth")}\` |`), id);
});

for (const [words, message] of [
  [["nothing"], /no bench is called nothing/],
  [["who@many"], /a size is a number/],
  [["precheck@1k"], /precheck has one size/],
  [["--redraw"], /--redraw needs --out/],
] as const)
  test(`wrong usage: ${words.join(" ")}`, () => {
    const { status, err } = bench.run("bench", ...words);
    assert.is(status, 2);
    assert.match(err, message);
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
