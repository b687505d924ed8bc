/** 1,000 random versions and addresses of every shipped recording: the index answers what a replay answers. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareAll, recordings } from "./indexed-recordings.ts";

const test = suite("index, every recording");

test("answers and digests are those of a replay", async () => {
  const files = await compareAll(recordings().filter((name) => !name.startsWith("conform")));
  assert.ok(files > 100, `${files} recordings`);
});

test.run();
