/** Two bugs, planted in copies of the code, are each found within 1,000 simulated runs. `test:sim` makes many of the code as it is. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "./ioasis.ts";

const PLANTED_SEEDS_MAX = 1_000;

interface Summary {
  readonly runs: number;
  readonly violations: readonly number[];
}

function simulate(...args: string[]): { readonly summary: Summary; readonly text: string } {
  const { stdout, stderr } = spawnSync(process.execPath, [path.join(ROOT, "tests/sim/launch.mjs"), ...args], {
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  assert.ok(last.startsWith("{"), `${args.join(" ")}: ${stdout.slice(-2_000)}${stderr}`);
  return { summary: JSON.parse(last) as Summary, text: stdout };
}

const test = suite("simulation, long");

for (const [bug, invariant] of [
  ["told-before-durable", /I1: two may append/],
  ["claim-without-tail", /I2: .* is not in the history of/],
] as const)
  test(`${bug}: found within ${PLANTED_SEEDS_MAX} seeds, and its seed finds it again`, () => {
    const runs = String(PLANTED_SEEDS_MAX);
    const { summary, text } = simulate("--seed", "1", "--runs", runs, "--jobs", "1", "--plant", bug, "--first");
    const [seed] = summary.violations;
    assert.ok(seed !== undefined, `${bug} was not found`);
    assert.match(text, invariant);
    const again = simulate("--seed", String(seed), "--runs", "1", "--plant", bug);
    assert.equal(again.summary.violations, [seed]);
    assert.equal(simulate("--seed", String(seed), "--runs", "1").summary.violations, []);
  });

test.run();
