/** The same as index.soak.ts, of the recorded kernel calls. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareAll, recordings } from "./indexed-recordings.ts";

const test = suite("index, recorded kernel calls");

test("answers and digests are those of a replay", async () => {
  const files = await compareAll(recordings("conform"));
  assert.ok(files > 300, `${files} recordings`);
});

test.run();
