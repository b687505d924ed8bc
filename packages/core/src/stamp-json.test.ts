import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatDecimal, minus, parseDecimal, ticksAt } from "./decimal.ts";
import { rfc3339, secondsOfRfc3339, stampToJson } from "./stamp-json.ts";

const test = suite("Stamps as JSON");

const decimal = (text: string) => {
  const value = parseDecimal(text);
  if (value === null) throw new Error(`${text} is no decimal`);
  return value;
};

test("a difference has the digits of what was printed", () => {
  assert.is(formatDecimal(minus(decimal("327.753942"), decimal("327.747766"))), "0.006176");
  assert.is(formatDecimal(minus(decimal("28.381389"), decimal("28.365162"))), "0.016227");
  assert.is(formatDecimal(minus(decimal("1"), decimal("1.5"))), "-0.5");
  assert.is(parseDecimal("1e9"), null);
  assert.is(parseDecimal("."), null);
});

test("ticks at fewer decimals are rounded down, below zero too", () => {
  assert.is(ticksAt(decimal("1.239"), 2), 123n);
  assert.is(ticksAt(decimal("-1.231"), 2), -124n);
  assert.is(ticksAt(decimal("5"), 3), 5000n);
});

test("the wall clock is RFC 3339 with every digit, any other clock its own seconds", () => {
  assert.equal(stampToJson({ clock: "realtime", ticks: 1_669_816_262_130_277n, decimals: 6 }), {
    time: "2022-11-30T13:51:02.130277Z",
    clock: { name: "realtime", seconds: "1669816262.130277" },
  });
  assert.equal(stampToJson({ clock: "trace", ticks: 4_878_076n, decimals: 6 }), {
    time: null,
    clock: { name: "trace", seconds: "4.878076" },
  });
  assert.equal(stampToJson(null), { time: null, clock: null });
});

test("agrees with the platform's calendar from 1601 to 2400", () => {
  for (let day = -134_774; day < 157_054; day += 97) {
    const milliseconds = day * 86_400_000 + 45_296_789;
    const expected = new Date(milliseconds).toISOString();
    assert.is(rfc3339({ ticks: BigInt(milliseconds), decimals: 3 }), expected);
    assert.equal(secondsOfRfc3339(expected), { ticks: BigInt(milliseconds), decimals: 3 });
  }
});

test("a zone counts, and what is no time is none", () => {
  assert.equal(secondsOfRfc3339("1970-01-01T01:00:00+01:00"), { ticks: 0n, decimals: 0 });
  assert.equal(secondsOfRfc3339("1969-12-31T23:59:59.5Z"), { ticks: -5n, decimals: 1 });
  for (const text of ["2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "yesterday"])
    assert.is(secondsOfRfc3339(text), null, text);
});

test.run();
