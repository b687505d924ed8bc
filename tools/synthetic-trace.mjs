// Writes a kernel trace of any size, made from a recorded one (packages/cli/src/bench/synthetic-trace.ts).
//
//   node tools/synthetic-trace.mjs SIZE[K|M|G] [--seed N] [--recording FILE] [--out FILE]
import { createWriteStream, readFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { bundle, root } from "./bundle.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string", default: "1" },
    recording: { type: "string", default: path.join(root, "demo/dma-e1000e.trace.txt.gz") },
    out: { type: "string" },
  },
});
const size = /^(\d+)([KMG]?)$/i.exec(positionals[0] ?? "");
if (size === null || !/^\d+$/.test(values.seed)) {
  console.error("usage: node tools/synthetic-trace.mjs SIZE[K|M|G] [--seed N] [--recording FILE] [--out FILE]");
  process.exit(2);
}
const bytes = Number(size[1]) * 1024 ** ["", "K", "M", "G"].indexOf(size[2].toUpperCase());

const outdir = path.join(root, ".build", "tools");
await bundle({ "synthetic-trace": path.join(root, "packages/cli/src/bench/synthetic-trace.ts") }, outdir);
const { syntheticTrace } = await import(pathToFileURL(path.join(outdir, "synthetic-trace.mjs")).href);

const recorded = readFileSync(values.recording);
const text = (recorded[0] === 0x1f && recorded[1] === 0x8b ? gunzipSync(recorded) : recorded).toString("latin1");
const out = values.out === undefined ? process.stdout : createWriteStream(values.out);
try {
  await pipeline(Readable.from(syntheticTrace(text, { bytes, seed: Number(values.seed) })), out);
} catch (error) {
  // The reader has seen enough (`| head`).
  if (error.code !== "EPIPE") throw error;
}
