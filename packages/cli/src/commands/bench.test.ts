/** What `bench` lists, and what it refuses; tests/bench.test.ts measures. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runIn } from "../testing/command-line.ts";

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

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();

const test = suite("bench, its words");

async function listed(): Promise<{ readonly id: string; readonly goal: string | null }[]> {
  const { out } = await runIn(".", ["bench", "--list", "--json"]);
  return JSON.parse(out) as { readonly id: string; readonly goal: string | null }[];
}

test("every target has its row", async () => {
  const rows = await listed();
  for (const id of TARGET_ROWS) assert.ok(rows.find((row) => row.id === id)?.goal, id);
});

test("docs/benchmarks tells of every row", async () => {
  const text = readFileSync(path.join(ROOT, "docs/benchmarks/README.md"), "utf8");
  for (const { id } of await listed()) assert.ok(text.includes(`\n| \`${id.replace(/^growth-.*/, "growth")}\` |`), id);
});

for (const [words, message] of [
  [["nothing"], /no bench is called nothing/],
  [["who@many"], /a size is a number/],
  [["precheck@1k"], /precheck has one size/],
  [["--redraw"], /--redraw needs --out/],
] as const)
  test(`wrong usage: ${words.join(" ")}`, async () => {
    const { status, err } = await runIn(".", ["bench", ...words]);
    assert.is(status, 2);
    assert.match(err, message);
  });

test.run();
