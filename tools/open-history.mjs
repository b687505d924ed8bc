// Opens a journal in a new process, several times, and prints how long that took and what memory: to the journal, to
// the live state of its first context, and beside it the state replayed from zero.
//
//   node tools/open-history.mjs DIRECTORY [--times N] [--from-zero] [--write]
//
// --write: opens for writing (and closes), default for reading only. A journal that was killed is the same after it.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bundle, root } from "./bundle.mjs";

const outdir = path.join(root, ".build", "open-history");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: "string", default: "5" },
    "from-zero": { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    once: { type: "boolean", default: false },
  },
});
const [directory] = positionals;
if (directory === undefined) throw new Error("name the directory of the journal");

if (values.once) await openOnce();
else await openOften();

async function openOften() {
  const source = (name) => path.join(root, "packages", name, "src/index.ts");
  await bundle({ store: source("store"), core: source("core") }, outdir);
  const runs = Array.from({ length: Number(values.times) }, () => {
    const from = performance.now();
    const { stdout, stderr } = spawnSync(process.execPath, [
      fileURLToPath(import.meta.url),
      directory,
      "--once",
      ...["from-zero", "write"].filter((name) => values[name]).map((name) => `--${name}`),
    ]);
    if (stdout.length === 0) throw new Error(String(stderr));
    return { ...JSON.parse(String(stdout)), processMs: performance.now() - from };
  });
  for (const name of Object.keys(runs[0])) {
    const sorted = runs.map((run) => run[name]).sort((a, b) => a - b);
    const at = (share) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] * 10) / 10;
    console.log(`${name.padEnd(12)} median ${at(0.5)}   least ${at(0)}   most ${at(1)}`);
  }
}

async function openOnce() {
  const { openSegmentJournal } = await import(pathToFileURL(path.join(outdir, "store.mjs")).href);
  const before = process.cpuUsage();
  const from = performance.now();
  const journal = await openSegmentJournal(directory, { host: "open", readOnly: !values.write });
  const openMs = performance.now() - from;
  const context = journal.contexts()[0].name;
  const state = journal.live(context);
  const liveMs = performance.now() - from;
  const { user, system } = process.cpuUsage(before);
  const measured = {
    openMs,
    liveMs,
    liveCpuMs: (user + system) / 1000,
    rssMb: process.memoryUsage.rss() / 1e6,
    events: state.version,
  };
  if (values["from-zero"]) measured.fromZeroMs = await replayed(journal, context);
  await journal.close();
  console.log(JSON.stringify({ ...measured, live: state.liveMappings }));
}

async function replayed(journal, context) {
  const { applyBatch, ContextState } = await import(pathToFileURL(path.join(outdir, "core.mjs")).href);
  const state = new ContextState();
  const from = performance.now();
  for (const batch of journal.batches(context)) applyBatch(state, batch);
  return performance.now() - from;
}
