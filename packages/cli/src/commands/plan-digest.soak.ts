/** As plan-digest.test.ts, for every version of a recorded migration's source. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { showPlans } from "../testing/planned-recording.ts";

const test = suite("plan: digests of a migration's source");

test("demo/source.log.gz: every version", async () => {
  const { versions, digests } = await showPlans("demo/source.log.gz", ["virtio-iommu"], 1);
  assert.is(versions, 46_913);
  assert.ok(digests > 40_000);
});

test.run();
