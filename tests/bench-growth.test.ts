/** Growth curves on tiny histories: points, a page and a picture made from them. No time is asserted. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkLine, type Line } from "./bench-line.ts";
import { Workbench } from "./ioasis.ts";

const test = suite("bench growth");
const bench = new Workbench();
const args = ["bench", "--runs", "1", "--workdir", path.join(bench.folder, "bench")];

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

test.after(() => bench.remove());
test.run();
