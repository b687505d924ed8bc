import { suite } from "uvu";
import * as assert from "uvu/assert";
import { U64_MAX } from "../address.ts";
import type { MapIova } from "../commands.ts";
import { Model, PAGE, type Row, VA } from "./testing/model.ts";

const test = suite("MapIova");

/** An ioas with [0x10000, 0x10fff] mapped, [0x20000, 0x20fff] reserved and pages of 4 KiB demanded. */
function strict(kernel: string): Model {
  const model = new Model({}, kernel);
  model.alloc();
  model.map(1, 0x10000n, PAGE);
  model.reserve(1, 0x20000n, PAGE);
  model.run({ command: "UseOption", option: 1, operation: 0, objectId: 1, value: 0n });
  return model;
}

const fine: MapIova = { command: "MapIova", ioasId: 1, flags: 7, userVa: VA, length: PAGE, iova: 0x30000n };
const tail = (call: Partial<MapIova>): MapIova => ({ ...fine, ...call });

/** Each row has everything wrong that the rows below it have, and one thing more. */
const ORDER: readonly Row<MapIova>[] = [
  ["iommufd_fops_ioctl", "EINVAL", tail({ size: 39, hasNonZeroTail: true, flags: 8, reserved: 1 })],
  ["copy_struct_from_user", "E2BIG", tail({ size: 48, hasNonZeroTail: true, flags: 8, reserved: 1, ioasId: 9 })],
  ["iommufd_ioas_map", "EOPNOTSUPP", tail({ flags: 8, reserved: 1, iova: U64_MAX, ioasId: 9 })],
  ["iommufd_ioas_map", "EOPNOTSUPP", tail({ flags: 0, reserved: 1, iova: U64_MAX, ioasId: 9 })],
  ["iommufd_ioas_map", "EOVERFLOW", tail({ flags: 0, iova: U64_MAX, ioasId: 9 })],
  ["iommufd_ioas_map", "EOVERFLOW", tail({ flags: 0, length: U64_MAX, ioasId: 9 })],
  ["iommufd_ioas_map", "EINVAL", tail({ flags: 1, ioasId: 9, length: 0n })],
  ["iommufd_get_ioas: no ioas", "ENOENT", tail({ ioasId: 9, length: 0n, userVa: U64_MAX })],
  ["iopt_alloc_pages", "EINVAL", tail({ length: 0n, userVa: U64_MAX })],
  ["iopt_alloc_pages", "EINVAL", tail({ length: U64_MAX - PAGE + 1n, userVa: U64_MAX })],
  ["iopt_alloc_user_pages", "EOVERFLOW", tail({ length: 0x801n, userVa: U64_MAX - 0x800n, iova: 0x10001n })],
  ["iopt_alloc_area_pages", "EINVAL", tail({ length: 0x801n, iova: 0x10001n })],
  ["iopt_check_iova", "EINVAL", tail({ iova: 0x10800n })],
  ["iopt_check_iova", "EOVERFLOW", tail({ iova: U64_MAX - PAGE + 1n, length: 2n * PAGE, userVa: VA + 0x800n })],
  ["iopt_check_iova", "EINVAL", tail({ iova: 0x10000n, length: 0x11000n, userVa: VA + 0x800n })],
  ["iopt_check_iova", "EEXIST", tail({ iova: 0xf000n, length: 2n * PAGE, userVa: VA + 0x800n })],
  ["iopt_insert_area", "EINVAL", tail({ userVa: VA + 0x800n })],
];

for (const [rule, errno, command] of ORDER) {
  test(`${rule} ${errno} ${JSON.stringify(command, (_, v) => (typeof v === "bigint" ? v.toString(16) : v))}`, () => {
    const outcome = strict("6.12").ask(command);
    assert.is(outcome.errno, errno);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
    assert.is(outcome.out, null);
  });
}

test("7.3 looks at va + length before the length", () => {
  const call = tail({ length: U64_MAX - PAGE + 1n, userVa: U64_MAX });
  assert.is(strict("6.12").ask(call).errno, "EINVAL");
  assert.is(strict("7.3").ask(call).errno, "EOVERFLOW");
});

test("a map is an event of its outcome, a refusal is one too", () => {
  const model = strict("6.12");
  assert.equal(model.run(tail({ flags: 5 })).events, [
    { type: "IovaMapped", ioas: 0, iova: 0x30000n, last: 0x30fffn, prot: "r", source: { kind: "va", va: VA } },
  ]);
  assert.equal(model.run(tail({ flags: 6, iova: 0x40000n, length: 0n })).events, [
    { type: "MapRefused", ioas: 0, iova: null, length: 0n, prot: "rw", source: { kind: "va", va: VA } },
  ]);
});

test("the last byte of the space may be mapped", () => {
  const model = new Model();
  model.alloc();
  assert.is(model.map(1, U64_MAX - PAGE + 1n, PAGE).errno, null);
  assert.equal(model.areas(), [[U64_MAX - PAGE + 1n, U64_MAX]]);
});

test("user memory matters only while a page table pins it", () => {
  const model = new Model();
  model.alloc();
  assert.is(model.map(1, 0x100_0000n, PAGE, 0x1000n).errno, null);
  model.unmap(1, 0n, U64_MAX);
  model.attach(1);
  const refused = model.map(1, 0x100_0000n, PAGE, 0x1000n);
  assert.is(refused.errno, "EFAULT");
  assert.equal(model.areas(), []);
  assert.is(model.map(1, 0x100_0000n, PAGE).errno, null);
});

test("memory that cannot be written is pinned for reading only", () => {
  const model = new Model();
  model.alloc();
  model.attach(1);
  model.environment = { ...model.environment, memory: model.environment.memory.protected(VA, PAGE, 1) };
  assert.is(model.map(1, 0x100_0000n, PAGE, VA, 7).errno, "EFAULT");
  assert.is(model.map(1, 0x100_0000n, PAGE, VA, 5).errno, null);
});

test("pinned pages are charged against RLIMIT_MEMLOCK, once per map", () => {
  const model = new Model({ memlockBytes: 4n * PAGE, canLockMemory: false });
  model.alloc();
  model.attach(1);
  assert.is(model.map(1, 0x100_0000n, 3n * PAGE).errno, null);
  assert.is(model.map(1, 0x200_0000n, 2n * PAGE).errno, "ENOMEM");
  assert.is(model.map(1, 0x200_0000n, PAGE).errno, null);
  const copy = { command: "CopyIova", flags: 7, dstIoasId: 1, srcIoasId: 1, length: PAGE } as const;
  assert.is(model.run({ ...copy, dstIova: 0x300_0000n, srcIova: 0x100_0000n }).errno, null);
});

test.run();
