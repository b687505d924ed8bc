import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countOf, countText } from "./count.ts";
import { beside, Measuring, type Missing, quantile } from "./measure.ts";
import { metBy, type Target, targetText } from "./target.ts";

const test = suite("measure");
const atLeast: Target = [
  { of: "value", atLeast: 1_000 },
  { of: "ratio", atLeast: 20 },
];

for (const [target, value, ratio, met] of [
  [atLeast, 1_000, 20, true],
  [atLeast, 999, 20, false],
  [atLeast, 1_000, 19.9, false],
  [atLeast, 1_000, null, null],
  [atLeast, 999, null, false],
  [[{ of: "value", atMost: 300 }], 300, null, true],
  [[{ of: "value", atMost: 300 }], 301, null, false],
] as const)
  test(`${targetText(target, "events/s")} is ${met} for ${value} and ${ratio} ×`, () => {
    assert.is(metBy(target, { value, ratio }), met);
  });

test("subject and peer take turns; median and spread are those of their runs", async () => {
  const order: string[] = [];
  const values = [10, 30, 20];
  const turn = (who: string, value: number): number => {
    order.push(who);
    return value;
  };
  const subject = { run: () => turn("subject", values.shift() ?? 0) };
  const peer = { name: "other", run: () => turn("peer", 5) };
  const measuring = new Measuring({ name: "x", unit: "ms", subject, peer }, 3);
  while (measuring.done < measuring.runs) await measuring.turn();
  assert.equal(order, ["subject", "peer", "subject", "peer", "subject", "peer"]);
  const { value, peerValue, ratio, spread, peerSpread, runs, target, met } = measuring.result();
  assert.equal([value, peerValue, ratio, spread, peerSpread, runs], [20, 5, 4, 1, 0, 3]);
  assert.equal([target, met], [null, null]);
});

test("a peer that is not installed leaves null fields and its reason", async () => {
  const missing: Missing = { missing: "the peer x is not installed" };
  const [bench] = beside({ name: "x", unit: "ms", subject: { run: () => 1 }, target: atLeast }, [missing]);
  assert.ok(bench !== undefined);
  const measuring = new Measuring(bench, 5);
  await measuring.turn();
  const { peer, peerValue, ratio, note, met } = measuring.result();
  assert.equal([peer, peerValue, ratio, note, met], [null, null, null, missing.missing, false]);
});

test("quantiles are values that were measured", () => {
  const values = Array.from({ length: 100 }, (_, i) => 99 - i);
  assert.equal(
    [quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)],
    [0, 50, 99, 99],
  );
});

for (const [text, count] of [
  ["65535", 65_535],
  ["100k", 100_000],
  ["1.5M", 1_500_000],
  ["0", null],
  ["-1", null],
  ["1G", null],
  ["many", null],
] as const)
  test(`a count: ${text}`, () => assert.is(countOf(text), count));

test("counts are told as they are asked for", () => {
  for (const count of [1, 999, 1_000, 65_535, 65_500, 100_000, 1_500_000, 100_000_000])
    assert.is(countOf(countText(count)), count);
});

test.run();
