// test:sim --seed S --runs N [--jobs J] [--plant BUG] [--trace] [--first]
//
// N simulated runs from seed S on, shared out among J processes (default: one a core). Prints every violation with
// its seed, which alone brings it about again, and one line of JSON for all. Exit 1: there was a violation.
// `--plant` simulates a copy of the code with a bug in it (plants.mjs): the violation is then what is wanted.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundle, root } from "../../tools/bundle.mjs";
import { plant } from "./plants.mjs";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "100" },
    jobs: { type: "string", default: String(availableParallelism()) },
    plant: { type: "string" },
    trace: { type: "boolean", default: false },
    first: { type: "boolean", default: false },
  },
});
const [seed, runs, jobs] = [values.seed, values.runs, values.jobs].map(Number);
if (![seed, runs, jobs].every(Number.isSafeInteger) || runs < 1 || jobs < 1) {
  console.error("usage: test:sim [--seed S] [--runs N] [--jobs J] [--plant BUG] [--trace] [--first]");
  process.exit(2);
}

const outdir = path.join(root, ".build", "sim", String(process.pid));
try {
  const plugins = values.plant === undefined ? [] : [plant(root, values.plant)];
  await bundle({ sim: path.join(root, "tests/sim/main.ts") }, outdir, { plugins });
  const share = Math.ceil(runs / jobs);
  const parts = [];
  for (let from = seed; from < seed + runs; from += share)
    parts.push(part(path.join(outdir, "sim.mjs"), from, Math.min(share, seed + runs - from)));
  const results = await Promise.all(parts);
  const counts = {};
  for (const result of results)
    for (const [what, count] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + count;
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  const violations = results.flatMap((result) => result.violations);
  console.log(JSON.stringify({ seed, runs: sum("runs"), violations, steps: sum("steps"), counts }));
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  rmSync(outdir, { recursive: true, force: true });
}

/** One process; its last line is its result. */
function part(script, from, count) {
  const flags = ["--seed", String(from), "--runs", String(count)];
  if (values.trace) flags.push("--trace");
  if (values.first) flags.push("--first");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--enable-source-maps", script, ...flags], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let rest = "";
    child.stdout.on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("{")) console.log(line);
        else rest = `${line}\n`;
      }
    });
    child.on("close", (code) => {
      try {
        resolve(JSON.parse(rest));
      } catch {
        reject(new Error(`the simulation of seeds from ${from} on ended with code ${code} and no result`));
      }
    });
  });
}
