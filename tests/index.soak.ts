/** 1,000 random versions and addresses of every shipped recording: the index answers what a replay answers. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareRecording, recordings } from "./indexed-recordings.ts";

const QUESTIONS = 1_000;
const test = suite("index, every recording");

test("answers and digests are those of a replay", async () => {
  let files = 0;
  for (const name of recordings()) {
    const asked = await compareRecording(name, QUESTIONS);
    if (asked === 0) continue;
    assert.ok(asked >= QUESTIONS, `${name}: ${asked} questions`);
    files++;
    console.log(`${name}: ${asked} questions`);
  }
  assert.ok(files > 100, `${files} recordings`);
});

test.run();
