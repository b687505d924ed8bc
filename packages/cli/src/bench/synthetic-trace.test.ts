import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { decoderOf, detect, Line } from "@ioasis/capture";
import {
  applyBatch,
  ContextState,
  driftOf,
  EventBatch,
  factOfRange,
  type IoasEvent,
  type RangeFact,
} from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { syntheticTrace } from "./synthetic-trace.ts";

const test = suite("synthetic trace");

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const recorded = gunzipSync(readFileSync(path.join(ROOT, "demo/dma-e1000e.trace.txt.gz"))).toString("latin1");
/** A short one, so that a few MiB hold several rounds. */
const recording = recorded.split("\n").slice(0, 3_000).join("\n");
const made = (bytes: number, seed?: number) =>
  [...syntheticTrace(recording, seed === undefined ? { bytes } : { bytes, seed })].join("");

test("equal arguments give equal bytes, another seed gives others; a longer trace goes on from a shorter one", () => {
  assert.is(made(1_000_000), made(1_000_000));
  assert.is(made(1_000_000, 2) === made(1_000_000, 3), false);
  assert.ok(made(2_000_000).startsWith(made(1_000_000)));
});

test("it is as long as was asked for, but for a part of a line", () => {
  for (const bytes of [0, 100, 1_000, 999_999]) {
    const { length } = made(bytes);
    assert.ok(length <= bytes && length > bytes - 200, `${length} of ${bytes}`);
  }
  assert.ok(made(100_000).endsWith("\n"));
});

test("it is one valid history: nothing contradicts, times ascend, and every line is read", () => {
  const text = made(3_000_000);
  assert.equal(detect(Buffer.from(text.slice(0, 100_000)), "trace.txt"), { format: "ftrace" });
  const decoder = decoderOf("ftrace");
  const state = new ContextState();
  const tasks = new Set<number | null>();
  const lines = text.trimEnd().split("\n");
  let newest = 0n;
  let drifted = 0;
  let facts = 0;
  const range = (fact: RangeFact): void => {
    facts++;
    tasks.add(fact.actor?.tid ?? null);
    const ticks = fact.stamp?.ticks ?? 0n;
    assert.ok(ticks >= newest, `${ticks} behind ${newest} at line ${fact.line}`);
    newest = ticks;
    if (driftOf(state, { ...factOfRange(fact).event, ioas: 0 } as IoasEvent, null, fact.profile) !== null) drifted++;
    const batch = new EventBatch(1, state.version + 1, 1);
    batch.pushRange(fact, 0);
    applyBatch(state, batch);
  };
  const problems: string[] = [];
  const sink = {
    fact: () => assert.unreachable("only maps and unmaps"),
    range,
    problem: (_: number, reason: string) => void problems.push(reason),
  };
  for (const [index, line] of lines.entries()) decoder.line(Line.of(line, index + 1), sink);
  assert.equal([drifted, problems], [0, []]);
  assert.ok(facts > 20_000 && tasks.size > 5, `${facts} facts of ${tasks.size} tasks`);
});

test.run();
