import type { IoasEvent } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { indexOf } from "../context-index.ts";
import { parseIovaRange } from "../iova-range.ts";
import { randomHistory } from "../testing/random-history.ts";
import { historyOfSteps, mapped, unmapped } from "../testing/small-history.ts";
import { who } from "../who.ts";
import { bisect } from "./bisect.ts";

const test = suite("bisect");

const attached = (device: string, ioas: number | null): IoasEvent => ({
  type: "DeviceAttached",
  device,
  pasid: null,
  ioas,
  hwpt: null,
});
const STEPS = [
  { event: { type: "IoasAllocated", ioas: 0, kernelId: 1 } },
  { event: mapped(0x1000, 0x1fff, "r") },
  { event: attached("0000:00:05.0", 0) },
  { event: mapped(0x2000, 0x2fff, "rw") },
  { event: unmapped(0x1000, 0x1fff) },
  { event: { type: "EventsLost", count: 3, what: "ring overrun" } },
  { event: { type: "BookmarkSet", name: "cut over" } },
  { event: { type: "DeviceDetached", device: "0000:00:05.0", pasid: null } },
  { event: mapped(0x1000, 0x1fff, "w") },
  { event: { type: "IoasDestroyed", ioas: 0 } },
] as const;

for (const [condition, from, version] of [
  ["mapped 0x1000", 1, 2],
  ["mapped 0x1800-0x2800", 3, 3],
  ["mapped 0x1000 with w", 1, 9],
  ["mapped 0x1000 with rw", 1, null],
  ["mapped 0x2000 with rw", 1, 4],
  ["unmapped 0x1000", 1, 1],
  ["unmapped 0x1000", 3, 5],
  ["covered 0x1000-0x2fff", 1, 4],
  ["covered 0x1000-0x2fff", 5, 9],
  ["covered 0x1000+0x2000 with r", 1, 4],
  ["attached 0000:00:05.0", 1, 3],
  ["attached 00:05.0", 1, 3],
  ["detached 0000:00:05.0", 3, 8],
  ['device "00:05.0" reaches 0x1000', 1, 3],
  ["device 00:05.0 reaches 0x2000", 1, 4],
  ["device 00:05.0 reaches 0x9000", 1, null],
  ["device 00:06.0 reaches 0x1000", 1, null],
  ["areas above 1", 1, 4],
  ["areas = 0", 2, 10],
  ["areas>=3", 1, null],
  ["mapped-bytes above 4KiB", 1, 4],
  ["mapped-bytes < 1", 2, 10],
  ["losses above 0", 1, 6],
  ['bookmark "cut over"', 1, 7],
  ["bookmark none", 1, null],
] as const)
  test(`${condition}, from ${from}: ${version ?? "never"}`, async () => {
    const answer = bisect(await historyOfSteps(...STEPS), "c", condition, { from });
    assert.is(answer.version, version);
    assert.is(answer.found?.version ?? null, version);
  });

test("--to ends the search, --ioas narrows it", async () => {
  const journal = await historyOfSteps(...STEPS, { event: mapped(0x1000, 0x1fff, "r", { kind: "unknown" }, 1) });
  assert.is(bisect(journal, "c", "mapped 0x1000 with w", { to: 8 }).version, null);
  assert.is(bisect(journal, "c", "mapped 0x1000", { ioas: "ioas1" }).version, 11);
  assert.is(bisect(journal, "c", "areas above 0", { ioas: "ioas1" }).version, 11);
});

test("what never ends is found in a logarithm of steps", async () => {
  const journal = await randomHistory(5, 400, 40);
  assert.ok(bisect(journal, "c", "losses above 0").steps <= 11);
});

test("what comes and goes is found where it first is, in any history", async () => {
  for (const seed of [1, 2]) {
    const journal = await randomHistory(seed, 200, 30);
    const first = (holds: (version: number) => boolean): number | null => {
      for (let version = 40; version <= 200; version++) if (holds(version)) return version;
      return null;
    };
    const counts = Array.from({ length: 201 }, (_, version) => indexOf(journal, "c").stateAt(version).liveMappings);
    const areas = (version: number): number => counts[version] as number;
    for (const range of ["0x8000", "0x20000-0x22fff"]) {
      const isMapped = (version: number): boolean => who(journal, "c", parseIovaRange(range, "range"), version).mapped;
      assert.is(bisect(journal, "c", `mapped ${range}`, { from: 40 }).version, first(isMapped));
      assert.is(
        bisect(journal, "c", `unmapped ${range}`, { from: 40 }).version,
        first((version) => !isMapped(version)),
      );
    }
    for (const count of [5, 20, 60])
      assert.is(
        bisect(journal, "c", `areas above ${count}`, { from: 40 }).version,
        first((version) => areas(version) > count),
      );
  }
});

for (const [condition, hint] of [
  ["", /a condition is missing/],
  ["maped 0x1000", /"maped" is no condition/],
  ["mapped", /a range is missing/],
  ["mapped 0x2000-0x1000", /ends before it begins/],
  ["mapped 0x1000 with x", /r, w or rw was expected/],
  ["mapped 0x1000 twice", /nothing was expected where "twice"/],
  ["device 00:05.0 sees 0x1000", /"reaches" was expected/],
  ["areas many", /"above", "below"/],
  ["areas > -1", /a number was expected/],
  ["mapped-bytes > much", /not a size/],
] as const)
  test(`refused: ${JSON.stringify(condition)}`, async () => {
    const journal = await historyOfSteps(...STEPS);
    assert.throws(
      () => bisect(journal, "c", condition),
      (error: { code: string; message: string }) => error.code === "ERR_USAGE" && hint.test(error.message),
    );
  });

test.run();
