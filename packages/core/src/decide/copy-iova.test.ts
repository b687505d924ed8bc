import { suite } from "uvu";
import * as assert from "uvu/assert";
import { U64_MAX } from "../address.ts";
import type { CopyIova } from "../commands.ts";
import { Model, PAGE, type Row, VA } from "./testing/model.ts";

const test = suite("CopyIova");

/** ioas 1: two areas side by side, the upper one read-only; ioas 2: [0x10000, 0x10fff] mapped. */
function twoSpaces(): Model {
  const model = new Model();
  model.alloc();
  model.alloc();
  model.map(1, 0x10000n, 2n * PAGE, VA);
  model.map(1, 0x12000n, PAGE, VA + 0x8000n, 5);
  model.map(2, 0x10000n, PAGE);
  return model;
}

const fine: CopyIova = {
  command: "CopyIova",
  flags: 5,
  dstIoasId: 2,
  srcIoasId: 1,
  length: PAGE,
  dstIova: 0x30000n,
  srcIova: 0x10000n,
};
const call = (wrong: Partial<CopyIova>): CopyIova => ({ ...fine, ...wrong });

const ORDER: readonly Row<CopyIova>[] = [
  ["iommufd_ioas_copy", "EOPNOTSUPP", call({ flags: 8, length: U64_MAX, srcIoasId: 9 })],
  ["iommufd_ioas_copy", "EOVERFLOW", call({ flags: 0, dstIova: U64_MAX, srcIoasId: 9 })],
  ["iommufd_ioas_copy", "EOVERFLOW", call({ flags: 0, srcIova: U64_MAX, srcIoasId: 9 })],
  ["iommufd_ioas_copy", "EINVAL", call({ flags: 1, srcIoasId: 9, dstIoasId: 9, length: 0n })],
  ["iommufd_get_ioas: no source", "ENOENT", call({ srcIoasId: 9, dstIoasId: 9, length: 0n })],
  ["iopt_get_pages: no length", "EINVAL", call({ dstIoasId: 9, length: 0n, srcIova: U64_MAX - 1n })],
  ["iopt_get_pages: the source range wraps", "EOVERFLOW", call({ dstIoasId: 9, srcIova: U64_MAX - 1n })],
  ["iopt_get_pages: the source range is not mapped", "ENOENT", call({ dstIoasId: 9, srcIova: 0x12800n })],
  ["iommufd_get_ioas: no destination", "ENOENT", call({ dstIoasId: 9, flags: 7, srcIova: 0x12000n })],
  ["iopt_check_iova: the range is mapped", "EEXIST", call({ flags: 7, srcIova: 0x12000n, dstIova: 0x10000n })],
  ["iopt_insert_area: the pages were not made", "EPERM", call({ flags: 7, srcIova: 0x12000n })],
];

for (const [rule, errno, command] of ORDER) {
  test(`${rule} ${errno}`, () => {
    const outcome = twoSpaces().ask(command);
    assert.is(outcome.errno, errno);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });
}

test("k source areas make k areas, each from where its source begins", () => {
  const model = twoSpaces();
  const { events, out } = model.run(call({ length: 0x1800n, srcIova: 0x11000n }));
  assert.equal(out, { dstIova: 0x30000n, maps: [3, 4] });
  assert.equal(
    events.map((event) => (event.type === "IovaMapped" ? [event.iova, event.last, event.source] : event.type)),
    [
      [0x30000n, 0x30fffn, { kind: "copy", va: VA + PAGE, writable: true }],
      [0x31000n, 0x317ffn, { kind: "copy", va: VA + 0x8000n, writable: false }],
    ],
  );
});

test("the permission of the original map counts through a chain of copies", () => {
  const model = twoSpaces();
  model.run(call({ flags: 5 }));
  const back = call({ srcIoasId: 2, dstIoasId: 1, srcIova: 0x30000n, dstIova: 0x50000n });
  assert.is(model.run({ ...back, flags: 7 }).errno, null);
  model.run(call({ flags: 5, srcIova: 0x12000n, dstIova: 0x40000n }));
  assert.is(model.run({ ...back, flags: 7, srcIova: 0x40000n, dstIova: 0x60000n }).errno, "EPERM");
});

test("a copy outlives its source", () => {
  const model = twoSpaces();
  model.run(call({}));
  model.unmap(1, 0n, U64_MAX);
  model.run({ command: "DestroyObject", id: 1 });
  assert.equal(model.areas(1), [
    [0x10000n, 0x10fffn],
    [0x30000n, 0x30fffn],
  ]);
});

test("a copy of pieces smaller than an io page is undone where page tables map it", () => {
  const model = new Model();
  const [source, destination] = [model.alloc(), model.alloc()];
  model.map(source, 0x1000n, 0x400n);
  model.map(source, 0x1400n, 0x400n);
  model.attach(destination);
  const copy = { command: "CopyIova", flags: 7, dstIoasId: destination, srcIoasId: source } as const;
  const range = { length: 0x800n, dstIova: 0x200_0000n, srcIova: 0x1000n };
  const { errno, rule } = model.run({ ...copy, ...range });
  assert.is(errno, "EINVAL");
  assert.is(rule, "iommu_map: an area is no whole io page");
  assert.equal(model.areas(1), []);
});

test.run();
