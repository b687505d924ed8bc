/** The containers of naive.test.ts at length. `IOASIS_SEED` and `IOASIS_STEPS` choose; the seed is printed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chosen, run } from "./naive/campaign.ts";
import { spapr } from "./naive/spapr.ts";
import { type1 } from "./naive/type1.ts";

const test = suite("naive models of containers, at length");
const { seed, steps } = chosen(20_261_125, 1_000_000);
console.log(`seed ${seed}, ${steps} steps each`);

test("type1: a million random calls end alike", () => {
  assert.is(run(type1, seed, steps), steps);
});

test("spapr: a million random calls end alike", () => {
  assert.is(run(spapr, seed, steps), steps);
});

test.run();
