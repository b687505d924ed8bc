import { suite } from "uvu";
import * as assert from "uvu/assert";
import { U64_MAX } from "../address.ts";
import type { UnmapIova } from "../commands.ts";
import { Model, PAGE, type Row } from "./testing/model.ts";

const test = suite("UnmapIova");

/** Areas [0x1000, 0x1fff], [0x2000, 0x3fff], [0x6000, 0x6fff]. */
function three(): Model {
  const model = new Model();
  model.alloc();
  model.map(1, 0x1000n, PAGE);
  model.map(1, 0x2000n, 2n * PAGE);
  model.map(1, 0x6000n, PAGE);
  return model;
}

const unmap = (iova: bigint, length: bigint, ioasId = 1): UnmapIova => ({ command: "UnmapIova", ioasId, iova, length });

const ORDER: readonly Row<UnmapIova>[] = [
  ["iommufd_get_ioas: no ioas", "ENOENT", unmap(0n, U64_MAX, 9)],
  ["iommufd_get_ioas: no ioas", "ENOENT", unmap(U64_MAX, 0n, 9)],
  ["iommufd_ioas_unmap", "EOVERFLOW", unmap(U64_MAX, 0n)],
  ["iommufd_ioas_unmap", "EOVERFLOW", unmap(1n, U64_MAX)],
  ["iopt_unmap_iova: no length", "EINVAL", unmap(U64_MAX - 1n, 0n)],
  ["iopt_unmap_iova: the range wraps", "EOVERFLOW", unmap(U64_MAX - 1n, 3n)],
  ["iopt_unmap_iova_range: an area sticks out", "ENOENT", unmap(0x2000n, PAGE)],
  ["iopt_unmap_iova_range: nothing is mapped", "ENOENT", unmap(0x4000n, PAGE)],
];

for (const [rule, errno, command] of ORDER) {
  test(`${rule} ${errno} ${command.iova}`, () => {
    const outcome = three().ask(command);
    assert.is(outcome.errno, errno);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
    assert.is(outcome.out, null);
  });
}

test("holes do not count, and superset ranges take whole areas", () => {
  const model = three();
  assert.equal(model.unmap(1, 0x800n, 0x7000n).out, { length: 0x4000n });
  assert.equal(model.areas(), []);
});

test("a failing unmap has unmapped the whole areas before the one that stopped it", () => {
  const model = three();
  const { errno, events } = model.unmap(1, 0x1000n, 0x2000n);
  assert.is(errno, "ENOENT");
  assert.equal(events, [
    { type: "IovaUnmapped", ioas: 0, iova: 0x1000n, last: 0x1fffn, bytes: PAGE },
    { type: "UnmapRefused", ioas: 0, iova: 0x1000n, length: 0x2000n },
  ]);
  assert.equal(model.areas(), [
    [0x2000n, 0x3fffn],
    [0x6000n, 0x6fffn],
  ]);
});

test("unmap of everything succeeds twice, the second time with nothing", () => {
  const model = three();
  assert.equal(model.unmap(1, 0n, U64_MAX).out, { length: 0x4000n });
  const again = model.unmap(1, 0n, U64_MAX);
  assert.equal(again.out, { length: 0n });
  assert.equal(again.events, []);
});

test.run();
