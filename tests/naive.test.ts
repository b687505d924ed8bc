/** The engine against naive models of the same kernels, with random calls; naive*.soak.ts play many more. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chosen, run } from "./naive/campaign.ts";
import { iommufd } from "./naive/iommufd.ts";
import { spapr } from "./naive/spapr.ts";
import { type1 } from "./naive/type1.ts";

const test = suite("naive models");

test("iommufd: 30,000 random calls end alike", () => {
  const { seed, steps } = chosen(20_261_125, 30_000);
  assert.is(run(iommufd, seed, steps), steps);
});

test("type1: 30,000 random calls end alike", () => {
  const { seed, steps } = chosen(20_261_125, 30_000);
  assert.is(run(type1, seed, steps), steps);
});

test("spapr: 30,000 random calls end alike", () => {
  const { seed, steps } = chosen(20_261_125, 30_000);
  assert.is(run(spapr, seed, steps), steps);
});

test.run();
