import { suite } from "uvu";
import * as assert from "uvu/assert";
import { curveSvg } from "./curve-svg.ts";
import { curvesOf, curveTable } from "./growth.ts";
import type { Reported } from "./report.ts";

const test = suite("growth");

const MACHINE = { cores: 2, cpu: "a cpu", node: "v20", system: "Linux" };

function points(name: string, values: readonly number[]): Reported[] {
  return values.map((value, i) => ({
    row: `growth-${name}@1M`,
    name,
    value,
    unit: "µs",
    workload: null,
    peer: null,
    peerValue: null,
    ratio: null,
    runs: 1,
    spread: 0,
    peerSpread: null,
    target: null,
    met: null,
    note: null,
    events: 1_000 * 10 ** i,
    load: [0, 0],
    machine: MACHINE,
  }));
}

for (const [values, growth, isFlat] of [
  [[10, 11, 12], 1.2, true],
  [[10, 11, 12.5], 1.25, false],
  [[30, 10, 11], 1.1, true],
  [[10, 30, 10], 3, false],
] as const)
  test(`${values.join(", ")} grows ${growth} times`, () => {
    const [curve] = curvesOf(points("who", values));
    assert.is(curve?.growth, growth);
    assert.is(curve?.isFlat, isFlat);
  });

test("other rows are no curves", () => {
  assert.equal(curvesOf(points("who", [1]).map((one) => ({ ...one, row: "who@1M" }))), []);
});

test("a picture has a line and a label a curve, all of it inside", () => {
  const curves = curvesOf([...points("who", [1, 2, 64]), ...points("at", [5, 5, 0.1]), ...points("open", [2, 2, 2])]);
  const svg = curveSvg(curves, "a <busy> machine & more");
  assert.is(svg.match(/<polyline /g)?.length, 3);
  assert.match(svg, "who: grows 64.0 ×");
  assert.match(svg, "open: flat");
  assert.match(svg, "a &lt;busy> machine &amp; more");
  for (const [, x, y] of svg.matchAll(/cx="([\d.-]+)" cy="([\d.-]+)"/g)) {
    assert.ok(Number(x) >= 64 && Number(x) <= 600, `x ${x}`);
    assert.ok(Number(y) >= 40 && Number(y) <= 360, `y ${y}`);
  }
  assert.match(curveTable(curves), /who +µs +1 +2 +64 +64.00 × +NO/);
});

test.run();
