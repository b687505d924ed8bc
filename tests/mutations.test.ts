/** Odd bytes in recordings: every import goes through to its end, whatever a line holds. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importMutations } from "./mutated-recordings.ts";

const test = suite("mutated recordings");

test("no mutation of any recording stops an import or damages a journal", async () => {
  const { recordings, events } = await importMutations(20_261_123, 1);
  assert.ok(recordings > 100, `${recordings} recordings`);
  assert.ok(events > 10_000, `${events} events`);
});

test.run();
