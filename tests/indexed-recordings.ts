/** Every shipped recording, imported; the index's answers against those of replaying every event in turn. */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Digest, spaceDigest } from "@ioasis/codec";
import { changesAround, historyOf, stateAt, who } from "@ioasis/history";
import { type Journal, openSegmentJournal } from "@ioasis/store";
import * as assert from "uvu/assert";
import { runIn } from "../packages/cli/src/testing/command-line.ts";
import { Chance } from "../packages/history/src/testing/random-history.ts";
import { Replayed } from "../packages/history/src/testing/replayed.ts";
import { recordingFile } from "./ioasis.ts";

/** Small, so that most recordings have several chapters. */
const CHAPTER_ROWS = 200;

/** All files, of which some are no recordings. */
export function recordings(folder = ""): string[] {
  return readdirSync(recordingFile(folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    return entry.isDirectory() ? recordings(name) : [name];
  });
}

/**
 * Imports a recording and asks `questions` questions of random versions and addresses, spread over its contexts.
 * @returns how many were asked; 0 where the file has nothing to import
 */
export async function compareRecording(name: string, questions: number): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "ioasis-index-"));
  try {
    await runIn(folder, ["import", recordingFile(name), "--json"]);
    const db = path.join(folder, "db");
    if (statSync(db, { throwIfNoEntry: false }) === undefined) return 0;
    const journal = await openSegmentJournal(db, { host: "test", readOnly: true, chapterRows: CHAPTER_ROWS });
    try {
      const contexts = journal.contexts().filter(({ head }) => head.version > 0);
      const each = Math.ceil(questions / Math.max(1, contexts.length));
      for (const { name: context } of contexts) compareContext(journal, context, each, name);
      return contexts.length * each;
    } finally {
      await journal.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compareContext(journal: Journal, context: string, questions: number, file: string): void {
  const referee = new Replayed(journal, context);
  const chance = new Chance(referee.head);
  const versions = Array.from({ length: questions }, () => 1 + chance.below(referee.head)).sort((a, b) => a - b);
  const digest = new Digest();
  let state = referee.state(0);
  for (const version of versions) {
    state = referee.state(version, state);
    referee.feed(digest, version);
    const range = referee.someRange(chance);
    const what = `${file}, ${context}: ${range.first}-${range.last} at ${version}`;
    const answer = stateAt(journal, context, version);
    assert.is(answer.digest, digest.value(), `digest, ${what}`);
    assert.is(answer.spaceDigest, spaceDigest(state), `space digest, ${what}`);
    assert.equal(who(journal, context, range, version), referee.who(state, range), `who, ${what}`);
    const changes = changesAround(journal, context, range, version);
    assert.equal(changes, referee.changes(range, version), `changes, ${what}`);
    const history = [...historyOf(journal, context, range, {}, version)];
    assert.equal(history, referee.history(range, version), `history, ${what}`);
  }
}

const QUESTIONS = 1_000;

/** 1,000 questions of each. @returns how many of the files are recordings */
export async function compareAll(names: readonly string[]): Promise<number> {
  let files = 0;
  for (const name of names) {
    const asked = await compareRecording(name, QUESTIONS);
    if (asked === 0) continue;
    assert.ok(asked >= QUESTIONS, `${name}: ${asked} questions`);
    files++;
  }
  return files;
}
