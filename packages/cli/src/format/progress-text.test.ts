import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Progress, progressText } from "./progress-text.ts";

const test = suite("progress in one line");

const MIB = 1024 * 1024;
const lines = (count: number, events = count) => [
  { count, unit: "lines" },
  { count: events, unit: "events" },
];

const TABLE: readonly [Progress, string][] = [
  [
    { label: "a.txt", bytes: 430 * MIB, bytesTotal: 1024 * MIB, counts: lines(3_072_000, 3_000_000), seconds: 6 },
    "a.txt: 41 % of 1.00 GiB, 512 k lines/s, 3.00 M events, 8 s left",
  ],
  [
    { label: "a", bytes: 1, bytesTotal: 100, counts: lines(0), seconds: 120 },
    "a: 1 % of 100 B, 0 lines/s, 0 events, 3 h 18 min left",
  ],
  // At the very beginning nobody knows how long it takes.
  [{ label: "a", bytes: 1, bytesTotal: 100, counts: lines(7), seconds: 0.1 }, "a: 1 % of 100 B, 70 lines/s, 7 events"],
  [
    { label: "a", bytes: 17.2 * MIB, bytesTotal: null, counts: lines(99_950), seconds: 10 },
    "a: 17.2 MiB, 10.0 k lines/s, 100 k events",
  ],
  // A file that grows while it is read.
  [{ label: "a", bytes: 200, bytesTotal: 100, counts: [], seconds: 70 }, "a: 100 % of 100 B, 0 s left"],
  [
    { label: "a", bytes: 25, bytesTotal: 100, counts: [{ count: 1, unit: "blocks" }], seconds: 61 },
    "a: 25 % of 100 B, 0 blocks/s, 3 min 3 s left",
  ],
];

for (const [progress, text] of TABLE) test(text, () => assert.is(progressText(progress), text));

test("the line never wraps: the end of a long label stays", () => {
  const label = `/var/lib/${"x".repeat(200)}/guest-7.trace.txt.gz`;
  const text = progressText({ label, bytes: 5, bytesTotal: 10, counts: lines(1_234_567), seconds: 2 });
  assert.is(text.length, 79);
  assert.ok(text.startsWith("...x"));
  assert.match(text, /guest-7\.trace\.txt\.gz: 50 % of 10 B, 617 k lines\/s, 1\.23 M events, 2 s left$/);
});

test.run();
