/** The plan of every version of recordings, applied to a fresh model of a destination, has the digest of its source. */
import type { ProfileName } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { showPlans } from "../testing/planned-recording.ts";

const test = suite("plan: digests");

/** Versions of all contexts together. */
const RECORDINGS: readonly (readonly [file: string, profiles: readonly ProfileName[], versions: number])[] = [
  ["tests/recordings/conform/random/rand-007-device.jsonl.gz", ["iommufd"], 320],
  ["tests/recordings/conform/random/rand-021-dirty.jsonl.gz", ["iommufd"], 258],
  ["tests/recordings/qemu/qemu-q35-two-devs.log.gz", ["iommufd"], 42],
  ["tests/recordings/bpftrace/oracle1-rec.jsonl.gz", ["vfio-type1v2", "vfio-type1"], 661],
];

for (const [file, profiles, versions] of RECORDINGS)
  test(`${file}: every version`, async () => {
    const shown = await showPlans(file, profiles, 1);
    assert.is(shown.versions, versions);
    assert.ok(shown.digests > versions / 4, "the recording changes what is mapped");
  });

test("demo/source.log.gz, a virtual IOMMU: every 50th version (plan-digest.soak.ts: every one)", async () => {
  const { versions, digests } = await showPlans("demo/source.log.gz", ["virtio-iommu"], 50);
  assert.is(versions, 938);
  assert.ok(digests > 900);
});

test.run();
