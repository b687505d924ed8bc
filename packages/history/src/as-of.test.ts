import { IoasisError } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { versionAt } from "./as-of.ts";
import { parseIovaRange } from "./iova-range.ts";
import { historyOfSteps, mapped, unmapped } from "./testing/small-history.ts";

const test = suite("As of");

function refusal(act: () => unknown): IoasisError {
  try {
    act();
  } catch (error) {
    if (error instanceof IoasisError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

const at = (journal: Journal, spec: string): number => versionAt(journal, "c", spec);

test("a clock that goes back a little does not hide the events after it", async () => {
  const journal = await historyOfSteps(
    { event: mapped(0, 9), at: "1.000010" },
    { event: mapped(10, 19), at: "1.000030" },
    { event: mapped(20, 29), at: "1.000020" },
    { event: mapped(30, 39) },
    { event: mapped(40, 49), at: "1.000040" },
  );
  assert.is(at(journal, "@1.00001"), 1);
  assert.is(at(journal, "@1.00002"), 3);
  assert.is(at(journal, "@1.000039999"), 3);
  assert.is(at(journal, "@2"), 5);
  assert.is(at(journal, "@0"), 0);
});

test("several clocks must be named, a fault log's own clock does not count", async () => {
  const fault = {
    type: "FaultReported",
    format: "dmar",
    device: null,
    pasid: null,
    iova: null,
    access: "read",
    reason: "",
  } as const;
  const one = await historyOfSteps({ event: mapped(0, 9), at: "5.5" }, { event: fault, at: "dmesg 5.6" });
  assert.is(at(one, "@5.7"), 1);
  assert.is(at(one, "@dmesg:5.7"), 2);
  const two = await historyOfSteps(
    { event: mapped(0, 9), at: "5.5" },
    { event: unmapped(0, 9), at: "realtime 1700000000.25" },
  );
  assert.match(refusal(() => at(two, "@5")).message, /@trace:SECONDS or @realtime:SECONDS/);
  assert.is(at(two, "@trace:6"), 1);
  assert.is(at(two, "@2023-11-14T22:13:20.25Z"), 2);
  assert.is(at(two, "@2023-11-14T23:13:20.24+01:00"), 0);
});

test("an anchor reads the wall clock by the recording's own", async () => {
  const anchor = { type: "ClockAnchored", clock: "mono", seconds: "100.5", realtime: "1700000000.5" } as const;
  const journal = await historyOfSteps(
    { event: anchor },
    { event: mapped(0, 9), at: "mono 101.25" },
    { event: unmapped(0, 9), at: "mono 102" },
  );
  assert.is(at(journal, "@2023-11-14T22:13:21.25Z"), 2);
  assert.is(at(journal, "@2023-11-14T22:13:21.24Z"), 0);
});

test("a bookmark is found by its name, and the newest of a name counts", async () => {
  const mark = { type: "BookmarkSet", name: "before the reset" } as const;
  const journal = await historyOfSteps(
    { event: mark },
    { event: mapped(0, 9) },
    { event: mark },
    { event: unmapped(0, 9) },
  );
  assert.is(at(journal, "before the reset"), 3);
  const error = refusal(() => at(journal, "after the reset"));
  assert.is(error.code, "ERR_USAGE");
  assert.match(error.message, /bookmarks: "before the reset"/);
  assert.is(refusal(() => at(journal, "5")).code, "ERR_VERSION");
  assert.is(refusal(() => versionAt(journal, "d", undefined)).code, "ERR_NO_CONTEXT");
});

test("ranges of IOVAs as people write them", () => {
  const parsed = (text: string): string => {
    const { first, last } = parseIovaRange(text, "IOVA");
    return `${first} ${last}`;
  };
  assert.is(parsed("0x1000"), "4096 4096");
  assert.is(parsed("4096"), "4096 4096");
  assert.is(parsed("0x1000-0x1fff"), "4096 8191");
  assert.is(parsed("0x1000+0x1000"), "4096 8191");
  assert.is(parsed("0+0x10000000000000000"), "0 18446744073709551615");
  for (const [text, why] of [
    ["0x10000000000000000", /beyond the last address/],
    ["0xffffffffffffffff+2", /beyond the last address/],
    ["0x2000-0x1000", /ends before it begins/],
    ["0x1000+0", /length is 0/],
    ["fee00000", /not an address/],
    ["-1", /not an address/],
    ["", /not an address/],
  ] as const) {
    const error = refusal(() => parseIovaRange(text, "--iova"));
    assert.is(error.code, "ERR_USAGE");
    assert.match(error.message, why);
    assert.match(error.message, /^--iova /);
  }
});

test.run();
