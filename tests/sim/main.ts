/** `test:sim --seed S --runs N`: N seeds from S on; a violation prints its seed, what was broken and the last that happened. */
import { parseArgs } from "node:util";
import { runSeed } from "./run.ts";

const TRACE_LINES = 60;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1" },
    trace: { type: "boolean", default: false },
    /** Stops at the first violation. */
    first: { type: "boolean", default: false },
  },
});
const from = Number(values.seed);
const runs = Number(values.runs);
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(runs) || runs < 1) {
  console.error("usage: test:sim [--seed S] [--runs N] [--trace] [--first]: whole numbers, at least one run");
  process.exit(2);
}
const counts: Record<string, number> = {};
const violated: number[] = [];
let steps = 0;
let done = 0;
for (let seed = from; seed < from + runs; seed++) {
  const result = await runSeed(seed);
  done++;
  steps += result.steps;
  for (const [what, count] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + count;
  if (result.violation !== null || values.trace) {
    console.log(`seed ${seed}: ${result.violation ?? "no violation"} (hash ${result.hash.slice(0, 16)})`);
    for (const line of values.trace ? result.trace : result.trace.slice(-TRACE_LINES)) console.log(`  ${line}`);
  }
  if (result.violation === null) continue;
  violated.push(seed);
  if (values.first) break;
}
console.log(JSON.stringify({ from, runs: done, violations: violated, steps, counts }));
process.exitCode = violated.length === 0 ? 0 : 1;
