/** The rows of the bench that take longer in their smallest size too: every line has the fields that pipelines read. No time is asserted. */
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkLine, type Line } from "./bench-line.ts";
import { Workbench } from "./ioasis.ts";

const ROWS = [
  "replicate@5k",
  "rss@5k",
  "block-bytes",
  "blocks",
  "durable-command",
  "import",
  "import-large@1",
  "answers",
  "conform",
  "decide",
  "precheck",
  "workloads@20k",
];

const test = suite("bench, rows of one size");
const bench = new Workbench();

for (const name of ROWS)
  test(`${name}: its lines have every field`, () => {
    const lines = bench.lines<Line>("bench", name, "--runs", "1", "--workdir", path.join(bench.folder, "bench"));
    assert.ok(lines.length > 0);
    for (const line of lines) {
      checkLine(line);
      assert.is(line.row, name);
    }
  });

test.after(() => bench.remove());
test.run();
