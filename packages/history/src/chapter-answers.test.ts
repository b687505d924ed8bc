/** The index against the referee: the same answers from chapters as from every event in turn. */
import { type ContextState, hex, type Range } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { changesAround } from "./changes.ts";
import { indexOf } from "./context-index.ts";
import { historyOf } from "./history.ts";
import { Chance, randomHistory } from "./testing/random-history.ts";
import { Replayed } from "./testing/replayed.ts";
import { who } from "./who.ts";

const test = suite("Answers from chapters");

/** Everything of a state as lines. */
function described(state: ContextState): string[] {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, field) => {
      if (typeof field === "bigint") return hex(field);
      const isRecord = typeof field === "object" && field !== null && !Array.isArray(field);
      return isRecord ? Object.fromEntries(Object.entries(field).sort()) : field;
    });
  const { spaces, liveSpaces, hwpts, devices, attachments, accesses, objects, bookmarks, ...rest } = state;
  return [
    text(rest),
    text([...devices, ...attachments, ...accesses, ...objects, ...bookmarks, ...hwpts]),
    text(liveSpaces.map(({ handle }) => handle)),
    ...spaces.flatMap(({ known, areas, ...space }) => [
      text(space),
      text(known.ranges()),
      ...Array.from(areas.all(), (area) => text(area)),
    ]),
  ];
}

/** All questions at some versions, ascending, about some ranges each. */
function compare(journal: Journal, chance: Chance, questions: number, range: () => Range): void {
  const referee = new Replayed(journal, "c");
  const versions = Array.from({ length: questions }, () => chance.below(referee.head + 1)).sort((a, b) => a - b);
  let state = referee.state(0);
  for (const version of versions) {
    state = referee.state(version, state);
    assert.equal(described(indexOf(journal, "c").stateAt(version)), described(state), `state at ${version}`);
    const asked = range();
    const what = `${asked.first}-${asked.last} at ${version}`;
    assert.equal(who(journal, "c", asked, version), referee.who(state, asked), `who ${what}`);
    assert.equal(changesAround(journal, "c", asked, version), referee.changes(asked, version), `changes ${what}`);
    assert.equal([...historyOf(journal, "c", asked, {}, version)], referee.history(asked, version), `history ${what}`);
  }
}

for (let seed = 1; seed <= 8; seed++)
  test(`random history ${seed}`, async () => {
    const chance = new Chance(seed);
    const journal = await randomHistory(seed, 400, seed % 3 === 0 ? 10_000 : 40);
    compare(journal, chance, 40, () => chance.range());
  });

test.run();
