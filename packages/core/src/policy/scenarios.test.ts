/** The scenarios of docs/scenarios give what they say. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { playScenario } from "./testing/scenario.ts";

const FOLDER = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "docs/scenarios");
const test = suite("scenarios");
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".jsonl"));

test("there is one for each policy and one for the two addresses", () => {
  assert.equal(files.sort(), ["fixed.jsonl", "host-derived.jsonl", "kernel-managed.jsonl", "two-addresses.jsonl"]);
});

for (const file of files)
  test(file, () => {
    const steps = playScenario(path.join(FOLDER, file));
    assert.ok(steps.length >= 8, `${file} has only ${steps.length} steps`);
    for (const { line, expected, given } of steps) assert.equal(given, expected, `${file} line ${line}`);
  });

test.run();
