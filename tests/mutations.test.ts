/** Odd bytes in recordings: every import goes through to its end, whatever a line holds. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { imported, mutated, recordings, seeded } from "./mutated-recordings.ts";

const ROUNDS = 1;
const test = suite("mutated recordings");

test("no mutation of any recording stops an import or damages a journal", async () => {
  const all = recordings();
  assert.ok(all.length > 100, `${all.length} recordings`);
  const seed = 20_261_123;
  let events = 0;
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, { name, bytes }] of all.entries()) {
      const changed = mutated(bytes, seeded(seed + round * 1000 + index));
      try {
        events += await imported({ name, bytes: changed }, bytes);
      } catch (error) {
        throw new Error(`seed ${seed}, round ${round}, ${name}: ${error instanceof Error ? error.stack : error}`);
      }
    }
  assert.ok(events > 10_000, `${events} events`);
});

test.run();
