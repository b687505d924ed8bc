// Fills a new journal with a churn of maps and unmaps, and prints how fast that went and what memory it took.
//
//   node tools/make-history.mjs DIRECTORY [--events N] [--live L] [--rows R] [--under-way U] [--kill]
//
// --kill: ends itself with SIGKILL in the middle of an append, as a crash would, instead of closing.
import { writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bundle, root } from "./bundle.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: "string", default: "1000000" },
    live: { type: "string", default: "100000" },
    rows: { type: "string", default: "4096" },
    "under-way": { type: "string", default: "4" },
    kill: { type: "boolean", default: false },
  },
});
const [directory] = positionals;
if (directory === undefined) throw new Error("name the directory of the journal to make");

const outdir = path.join(root, ".build", "make-history");
const entry = (name, source) => ({ [name]: path.join(root, "packages/store/src", source) });
await bundle({ ...entry("store", "index.ts"), ...entry("churn", "testing/churn.ts") }, outdir);
const load = (name) => import(pathToFileURL(path.join(outdir, `${name}.mjs`)).href);
const { openSegmentJournal } = await load("store");
const { appendChurn } = await load("churn");

const events = Number(values.events);
const megabytes = (bytes) => Math.round(bytes / 1e6);
let rssMax = 0;
let next = events / 10;
const from = performance.now();
const journal = await openSegmentJournal(directory, { host: os.hostname() });
await appendChurn(journal, "guest", {
  events,
  live: Number(values.live),
  batchRows: Number(values.rows),
  underWay: Number(values["under-way"]),
  onDurable(version) {
    rssMax = Math.max(rssMax, process.memoryUsage.rss());
    if (version < next) return;
    next += events / 10;
    const seconds = (performance.now() - from) / 1000;
    writeSync(1, `${version} events, ${Math.round(version / seconds)} events/s, RSS up to ${megabytes(rssMax)} MB\n`);
    if (values.kill && next > events) process.kill(process.pid, "SIGKILL");
  },
});
const appended = performance.now();
await journal.close();
writeSync(1, `closed after ${Math.round(performance.now() - appended)} ms\n`);
