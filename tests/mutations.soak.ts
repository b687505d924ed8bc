/** The same as mutations.test.ts, with other seeds at every run; a failure prints its seed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importMutations } from "./mutated-recordings.ts";

const test = suite("mutated recordings, many seeds");

test("no mutation of any recording stops an import or damages a journal", async () => {
  const { recordings, events } = await importMutations(Math.floor(Math.random() * 2 ** 31), 20);
  assert.ok(recordings > 100, `${recordings} recordings`);
  assert.ok(events > 10_000, `${events} events`);
});

test.run();
