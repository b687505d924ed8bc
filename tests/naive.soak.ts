/** iommufd of naive.test.ts at length. `IOASIS_SEED` and `IOASIS_STEPS` choose; the seed is printed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chosen, run } from "./naive/campaign.ts";
import { iommufd } from "./naive/iommufd.ts";

const test = suite("naive models, at length");

test("iommufd: five million random calls end alike", () => {
  const { seed, steps } = chosen(20_261_125, 5_000_000);
  console.log(`seed ${seed}, ${steps} steps`);
  assert.is(run(iommufd, seed, steps), steps);
});

test.run();
