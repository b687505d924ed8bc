import { type Fact, type IoasEvent, recordedToJson } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decode, linesOf } from "../testing/decoded-recording.ts";
import { vectorsDecoder } from "../vectors/vectors-decoder.ts";
import { jsonlDecoder, looksLikeJsonl } from "./jsonl-decoder.ts";

const test = suite("a history's own log");

/** As the command line prints it. In these recordings the first ids are also the handles' order. */
function logOf(facts: readonly Fact[]): string[] {
  return facts.map(({ event, errno, stamp, actor, line }, i) =>
    JSON.stringify(recordedToJson({ version: i + 1, epoch: 1, stamp, actor, errno, line, event: event as IoasEvent })),
  );
}

test("gives back every event of a recording", () => {
  for (const name of ["device-two-ioas", "option-huge-pages", "copy-multi-area"]) {
    const facts = decode(vectorsDecoder(), linesOf(`tests/recordings/vectors/${name}.jsonl.gz`)).facts.filter(
      ({ event }) => !("ioas" in event && event.ioas === 99),
    );
    const log = logOf(facts);
    assert.ok(log.every(looksLikeJsonl));
    const back = decode(jsonlDecoder(), log);
    assert.equal(back.problems, []);
    assert.equal(
      back.facts.map(({ event, errno }) => [event, errno]),
      facts.map(({ event, errno }) => [event, errno]),
    );
    assert.ok(back.facts.every(({ profile }) => profile === "unknown"));
  }
});

test("names contexts and profiles where a line has them", () => {
  const mark = (context: string, version: number) =>
    `{"context":"${context}","profile":"iommufd","version":${version},"epoch":1,"event":{"type":"BookmarkSet","name":"x"}}`;
  assert.ok(looksLikeJsonl('{"context":"a","version":1,"epoch":1,"time":null'));
  const { facts, problems } = decode(jsonlDecoder(), [mark("a", 1), mark("b", 1), mark("a", 2)]);
  assert.equal(problems, []);
  assert.equal(
    facts.map(({ context, profile }) => `${context} ${profile}`),
    ["a iommufd", "b iommufd", "a iommufd"],
  );
});

test("broken lines and missing versions are named", () => {
  const line = (version: number) => `{"version":${version},"epoch":1,"event":{"type":"IoasDestroyed","ioas":"ioas0"}}`;
  const { facts, problems } = decode(jsonlDecoder(), [
    line(3),
    "",
    line(4).slice(0, 30),
    "[1]",
    '{"version":5,"epoch":1,"event":{"type":"IoasDestroyed","ioas":0}}',
    line(6),
  ]);
  assert.equal(facts.length, 2);
  assert.equal(problems, [
    "3: not a whole JSON object",
    "4: not a whole JSON object",
    '5: "ioas" is not a handle such as "ioas0"',
    "6: version 6 follows version 3: a part of the log is missing or doubled",
  ]);
});

test.run();
