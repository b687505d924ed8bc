/** The simulation of cutovers on a few seeds, and that a seed decides the whole run. `sim.soak.ts` runs many. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runSeed } from "./sim/run.ts";

const SEEDS = 25;

const test = suite("simulation");

test(`seeds 1 ... ${SEEDS}: the invariants hold after every step, and all come to rest`, async () => {
  const seen: Record<string, number> = {};
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation, trace, counts } = await runSeed(seed);
    assert.is(violation, null, `seed ${seed}: ${violation}\n${trace.slice(-40).join("\n")}`);
    for (const [what, count] of Object.entries(counts)) seen[what] = (seen[what] ?? 0) + count;
  }
  // A simulation in which nothing happens proves nothing.
  for (const what of ["completed", "rolled-back", "in-doubt", "killed", "power lost", "one-way partition"])
    assert.ok((seen[what] ?? 0) > 0, `${what} happened in no seed: ${JSON.stringify(seen)}`);
});

test("a seed brings about the same run again, to the last event; another one another", async () => {
  const [once, again, other] = [await runSeed(7), await runSeed(7), await runSeed(8)];
  assert.equal(again.trace, once.trace);
  assert.is(again.hash, once.hash);
  assert.is.not(other.hash, once.hash);
});

test.run();
