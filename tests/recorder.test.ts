/** What a decoder saw becomes the same history whichever way it comes: as facts or ranges, in few contexts or thousands. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { decoderOf, type FactSink, Line } from "@ioasis/capture";
import { type Fact, factOfRange, type Iova, RangeFact } from "@ioasis/core";
import { type DriftReport, FactRecorder, type Journal, openMemoryJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { recordingFile } from "./ioasis.ts";

const test = suite("recorder");

function recorderOf(
  journal: Journal,
  drift: DriftReport[] = [],
  known: (key: string) => number = () => 0,
): FactRecorder {
  return new FactRecorder(journal, {
    id: "00000000",
    file: "a.txt",
    format: "ftrace",
    nameOf: (key) => (key === "" ? "trace" : key),
    known,
    refsAreHandles: false,
    onDrift: (one) => drift.push(one),
    onProblem: (line, reason) => assert.unreachable(`${line}: ${reason}`),
  });
}

for (const name of ["dma-e1000e-ring-overrun.trace.txt.gz", "vfio-intel48.trace.txt.gz"])
  test(`${name}: ranges and the facts that they stand for give one history and one drift`, async () => {
    const lines = gunzipSync(readFileSync(recordingFile(`kernel/${name}`)))
      .toString("utf8")
      .trimEnd()
      .split("\n");
    const results = [];
    for (const isByRange of [true, false]) {
      const journal = openMemoryJournal({ nextId: () => "0123456789abcdef" });
      const drift: DriftReport[] = [];
      const recorder = recorderOf(journal, drift);
      let ranges = 0;
      const sink: FactSink = {
        fact: (fact) => recorder.fact(fact),
        range(range) {
          ranges++;
          if (isByRange) recorder.range(range);
          else recorder.fact(factOfRange(range));
        },
        problem: () => undefined,
      };
      const decoder = decoderOf("kprobe");
      for (const [index, line] of lines.entries()) decoder.line(Line.of(line, index + 1), sink);
      decoder.end(sink);
      assert.ok(ranges > 0);
      await recorder.finish(1, "");
      results.push({ drift, heads: journal.contexts().map(({ name, head }) => [name, head]) });
      await journal.close();
    }
    assert.equal(results[0], results[1]);
  });

/** A map or an unmap of one page in one of many containers. */
function pageFact(context: string, page: number, isMap: boolean, line: number): Fact {
  const iova = (BigInt(page) << 12n) as Iova;
  const range = new RangeFact();
  Object.assign(range, { isMap, iova, last: iova + 0xfffn, value: 0x1000n, line });
  return { ...factOfRange(range), context, profile: "vfio-type1v2" };
}

test("thousands of contexts that come back long after they were put away go on where they were", async () => {
  const CONTEXTS = 1_500;
  const ROUNDS = 4;
  const journal = openMemoryJournal();
  const drift: DriftReport[] = [];
  const recorder = recorderOf(journal, drift);
  let line = 0;
  for (let round = 0; round < ROUNDS; round++)
    for (let number = 0; number < CONTEXTS; number++) {
      recorder.fact(pageFact(`container=${number}`, round >> 1, round % 2 === 0, ++line));
      if (line % 700 === 0) await recorder.flush(line, "");
    }
  await recorder.finish(line, "");
  assert.is(recorder.durableEvents, CONTEXTS * ROUNDS);
  assert.equal(drift, []);
  const contexts = journal.contexts();
  assert.equal(
    contexts.map(({ name }) => name),
    Array.from({ length: CONTEXTS }, (_, number) => `container=${number}`),
  );
  assert.equal(new Set(contexts.map(({ head }) => head.version)), new Set([ROUNDS]));
  assert.equal(new Set(contexts.map(({ imports }) => imports[0]?.facts)), new Set([ROUNDS]));
  assert.ok((await journal.verify()).ok);
  await journal.close();
});

test("facts may be fed while a flush is under way, and what was fed before it is what it makes durable", async () => {
  const journal = openMemoryJournal();
  const recorder = recorderOf(journal);
  recorder.fact(pageFact("", 0, true, 1));
  const first = recorder.flush(1, "");
  recorder.fact(pageFact("", 1, true, 2));
  const second = recorder.flush(2, "");
  recorder.fact(pageFact("", 2, true, 3));
  await first;
  assert.is(recorder.durableEvents, 1);
  await second;
  assert.equal([recorder.durableEvents, recorder.events, journal.context("trace")?.head.version], [2, 3, 2]);
  assert.is(journal.context("trace")?.imports[0]?.offset, 2);
  await journal.close();
});

test("facts that the journal has are counted and passed over, whichever way they come", async () => {
  const journal = openMemoryJournal();
  const recorder = recorderOf(journal, [], () => 2);
  const range = new RangeFact();
  Object.assign(range, { isMap: true, last: 0xfffn, profile: "kernel-trace", line: 1 });
  recorder.range(range);
  recorder.fact(pageFact("", 1, true, 2));
  recorder.range(Object.assign(range, { iova: 0x2000n, last: 0x2fffn, line: 3 }));
  await recorder.finish(3, "");
  assert.equal([recorder.knownFacts, recorder.events, journal.context("trace")?.head.version], [2, 1, 1]);
  await journal.close();
});

test.run();
