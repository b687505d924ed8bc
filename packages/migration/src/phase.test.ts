import { IoasisError } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectedPauseMs, fitsLimit } from "./converge.ts";
import { DESTINATION_TABLE, next, SOURCE_TABLE, type SourcePhase } from "./phase.ts";

const test = suite("phase");

const ENDS: readonly SourcePhase[] = ["completed", "refused", "rolled-back", "in-doubt"];

test("both tables are total", () => {
  for (const table of [SOURCE_TABLE, DESTINATION_TABLE]) {
    const rows = Object.values(table);
    const triggers = Object.keys(rows[0] ?? {}).sort();
    for (const row of rows) assert.equal(Object.keys(row).sort(), triggers);
    for (const after of rows.flatMap((row): (string | null)[] => Object.values(row)))
      assert.ok(after === null || Object.hasOwn(table, after), `${after} is a phase`);
  }
});

test("an end has no way out, and every other phase has one for a lost connection", () => {
  for (const [phase, row] of Object.entries(SOURCE_TABLE)) {
    const isEnd = ENDS.includes(phase as SourcePhase);
    assert.is(
      Object.values(row).every((after) => after === null),
      isEnd,
      phase,
    );
    if (!isEnd) assert.ok(ENDS.includes(row.lost ?? "offer"), phase);
  }
});

test("in doubt is reached from behind the fence only, and from there nothing is rolled back by itself", () => {
  for (const [phase, row] of Object.entries(SOURCE_TABLE))
    if (Object.values(row).includes("in-doubt")) assert.is(phase, "fence");
  assert.is(SOURCE_TABLE.fence["gave-up"], null);
  assert.is(SOURCE_TABLE.fence.refused, null);
});

test("a claim and a release are for ever", () => {
  for (const decided of ["claimed", "released"] as const)
    for (const after of Object.values(DESTINATION_TABLE[decided])) assert.ok(after === null || after === decided);
});

test("what cannot happen is ERR_PROTOCOL and names both", () => {
  assert.throws(
    () => next(SOURCE_TABLE, "precopy", "claimed"),
    (error: unknown) =>
      error instanceof IoasisError && error.code === "ERR_PROTOCOL" && /"claimed".*"precopy"/.test(error.message),
  );
});

for (const [lagEvents, roundMs, eventsPerMs, expected] of [
  [0, 2, 0, 2],
  [1_000, 2, 100, 12],
  [1, 2, 0, Number.POSITIVE_INFINITY],
] as const)
  test(`${lagEvents} events left at ${eventsPerMs}/ms and a round of ${roundMs} ms: a pause of ${expected} ms`, () => {
    const measured = { lagEvents, roundMs, eventsPerMs };
    assert.is(expectedPauseMs(measured), expected);
    assert.is(fitsLimit(measured, 10), expected <= 10);
  });

test.run();
