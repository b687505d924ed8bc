/** The index beside a journal on disk: kept, damaged, gone, of another history. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Journal, openSegmentJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { changesAround } from "./changes.ts";
import { indexOf } from "./context-index.ts";
import { historyOf } from "./history.ts";
import { keepIndex } from "./keep-index.ts";
import { Chance, randomHistory } from "./testing/random-history.ts";
import { who } from "./who.ts";

const EVENTS = 600;
const CHAPTER_ROWS = 80;
const test = suite("Index of a context");

/** A journal of a random history in a folder of its own. */
async function onDisk(use: (folder: string, open: (readOnly: boolean) => Promise<Journal>) => Promise<void>) {
  const folder = mkdtempSync(path.join(tmpdir(), "ioasis-context-index-"));
  const open = (readOnly: boolean): Promise<Journal> =>
    openSegmentJournal(folder, { host: "test", readOnly, chapterRows: CHAPTER_ROWS });
  try {
    const journal = await open(false);
    await journal.create("c", "iommufd");
    for (const batch of (await randomHistory(7, EVENTS, CHAPTER_ROWS)).batches("c")) await journal.append("c", batch);
    await journal.close();
    await use(folder, open);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const files = (folder: string): string[] => readdirSync(path.join(folder, "index")).sort();

/** Answers to some questions, as text. */
function answers(journal: Journal): string {
  const chance = new Chance(3);
  return JSON.stringify(
    Array.from({ length: 8 }, () => {
      const range = chance.range();
      const version = 1 + chance.below(EVENTS);
      return [
        who(journal, "c", range, version),
        changesAround(journal, "c", range, version),
        [...historyOf(journal, "c", range)].length,
      ];
    }),
  );
}

async function asked(open: (readOnly: boolean) => Promise<Journal>): Promise<string> {
  const journal = await open(true);
  const text = answers(journal);
  await journal.close();
  return text;
}

test("without files, beside them, with some of them gone or damaged: the same answers", async () => {
  await onDisk(async (folder, open) => {
    const expected = await asked(open);
    const writer = await open(false);
    await keepIndex(writer, "c");
    assert.is(answers(writer), expected);
    const saved = files(folder);
    assert.ok(saved.length > 4, `${saved.length} chapters`);
    assert.is(await asked(open), expected, "read beside the writer");
    await writer.close();
    for (const name of [saved[0], saved[saved.length >> 1], saved.at(-1)] as string[]) {
      const file = path.join(folder, "index", name);
      const bytes = readFileSync(file);
      for (const at of [5, bytes.length >> 2, bytes.length - 10]) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ 1;
        writeFileSync(file, damaged);
        assert.is(await asked(open), expected, `${name} damaged at ${at}`);
      }
      writeFileSync(file, bytes.subarray(0, bytes.length - 1));
      assert.is(await asked(open), expected, `${name} cut short`);
      rmSync(file);
      assert.is(await asked(open), expected, `${name} gone`);
      writeFileSync(file, bytes);
    }
  });
});

test("chapters that are built again have the same bytes, whenever the work was broken off", async () => {
  await onDisk(async (folder, open) => {
    const first = await open(false);
    await keepIndex(first, "c");
    await first.close();
    const expected = new Map(files(folder).map((name) => [name, readFileSync(path.join(folder, "index", name))]));
    rmSync(path.join(folder, "index"), { recursive: true });
    for (let sessions = 0; sessions < 40; sessions++) {
      const journal = await open(false);
      const end = new AbortController();
      let steps = 0;
      await keepIndex(journal, "c", {
        signal: end.signal,
        onProgress: () => {
          if (++steps > 60) end.abort();
        },
      });
      await journal.close();
      if (!end.signal.aborted) break;
    }
    for (const name of files(folder))
      assert.ok(expected.get(name)?.equals(readFileSync(path.join(folder, "index", name))), name);
    // The last one need not be there: what came behind the others was too little for a file.
    assert.ok(files(folder).length >= expected.size - 1, `${files(folder).length} chapters`);
  });
});

test("a history that goes on is followed, in steps between which questions are asked", async () => {
  const source = [...(await randomHistory(9, EVENTS, CHAPTER_ROWS)).batches("c")];
  const journal = await randomHistory(9, 0, CHAPTER_ROWS);
  let building = indexOf(journal, "c").building();
  for (const [i, batch] of source.entries()) {
    await journal.append("c", batch);
    if (building.next().done === true) building = indexOf(journal, "c").building();
    if (i % 40 === 0) who(journal, "c", new Chance(i).range(), journal.context("c")?.head.version ?? 0);
  }
  const fresh = await randomHistory(9, EVENTS, CHAPTER_ROWS);
  assert.is(answers(journal), answers(fresh));
});

test("files of another history of the same context are not believed", async () => {
  await onDisk(async (folder, open) => {
    const writer = await open(false);
    await keepIndex(writer, "c");
    const id = writer.context("c")?.id ?? "";
    await writer.close();
    const kept = files(folder).map((name) => ({ name, bytes: readFileSync(path.join(folder, "index", name)) }));
    await onDisk(async (other, openOther) => {
      const journal = await openOther(false);
      const expected = answers(journal);
      const otherId = journal.context("c")?.id ?? "";
      await keepIndex(journal, "c");
      await journal.close();
      for (const { name, bytes } of kept) writeFileSync(path.join(other, "index", name.replace(id, otherId)), bytes);
      assert.is(await asked(openOther), expected);
    });
  });
});

test.run();
