/** As plan-digest.test.ts, for the even versions of a recorded migration's source (plan-digest-odd.soak.ts: the others). */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { showPlans } from "../testing/planned-recording.ts";

const test = suite("plan: digests of a migration's source");

test("demo/source.log.gz: every even version", async () => {
  const { versions, digests } = await showPlans("demo/source.log.gz", ["virtio-iommu"], 2, 0);
  assert.is(versions, 23_456);
  assert.ok(digests > 20_000);
});

test.run();
