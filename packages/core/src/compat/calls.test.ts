/** The profile `iommufd-vfio-compat`: the orders of checks of vfio_compat.c. From source, not refereed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { iova, U64_MAX } from "../address.ts";
import { Model, PAGE, type Row, VA } from "../decide/testing/model.ts";
import { type CompatCommand, decideCompat } from "./decide.ts";

const test = suite("iommufd-vfio-compat");
const IOVA = 0x100_0000n;

const api = { command: "QueryApiVersion", container: 0 } as const;
const set = { command: "SetIommu", container: 0, iommuType: 3 } as const;
const info = { command: "QueryInfo", container: 0, argBytes: 256 } as const;
const map = { command: "MapDma", container: 0, flags: 3, userVa: VA, iova: IOVA, size: 2n * PAGE } as const;
const unmap = { command: "UnmapDma", container: 0, flags: 0, iova: IOVA, size: PAGE, bitmap: null } as const;
const dirty = { command: "UseDirtyPages", container: 0, flags: 1, iova: 0n, size: 0n, bitmap: null } as const;
const join = { command: "SetContainer", group: 0, file: { kind: "container", handle: 0 } } as const;
const extension = (number: number) => ({ command: "CheckExtension", container: 0, extension: number }) as const;

function ask(model: Model, command: CompatCommand) {
  return decideCompat(model.state, command, model.profile, model.environment);
}

function run(model: Model, command: CompatCommand) {
  const outcome = ask(model, command);
  model.fold(outcome.events);
  return outcome;
}

/** A container with two pages mapped; `iommuType` 1 turns large pages off. */
function container(iommuType = 3): Model {
  const model = new Model();
  for (const command of [join, { ...set, iommuType }, map]) assert.is(run(model, command).errno, null);
  return model;
}

const EMPTY: readonly Row<CompatCommand>[] = [
  ["iommufd_vfio_set_iommu", "EINVAL", { ...set, iommuType: 7 }],
  ["iommufd_vfio_set_iommu", "EINVAL", { ...set, iommuType: 8 }],
  ["get_compat_ioas", "ENODEV", set],
  ["get_compat_ioas", "ENODEV", extension(4)],
  ["iommufd_vfio_iommu_get_info: bad", "EFAULT", { ...info, hasBadPointer: true, argBytes: 8 }],
  ["iommufd_vfio_iommu_get_info: argsz", "EINVAL", { ...info, argBytes: 15 }],
  ["get_compat_ioas", "ENODEV", info],
  ["iommufd_vfio_map_dma: bad", "EFAULT", { ...map, hasBadPointer: true, argBytes: 8 }],
  ["iommufd_vfio_map_dma: argsz", "EINVAL", { ...map, argBytes: 31 }],
  ["iommufd_vfio_map_dma: argsz", "EINVAL", { ...map, flags: 4 }],
  ["get_compat_ioas", "ENODEV", { ...map, size: 0n }],
  ["iommufd_vfio_unmap_dma: bad", "EFAULT", { ...unmap, hasBadPointer: true, argBytes: 8 }],
  ["iommufd_vfio_unmap_dma: argsz", "EINVAL", { ...unmap, argBytes: 23 }],
  ["iommufd_vfio_unmap_dma: argsz", "EINVAL", { ...unmap, flags: 1 }],
  ["get_compat_ioas", "ENODEV", { ...unmap, size: 0n }],
  ["iommufd_vfio_ioctl", "ENOTTY", dirty],
  ["iommufd_vfio_ioctl", "ENOTTY", { command: "UnknownCall", file: { kind: "container", handle: 0 } }],
];

const JOINED: readonly Row<CompatCommand>[] = [
  ["iopt_alloc_pages", "EINVAL", { ...map, size: 0n }],
  ["iopt_alloc_user_pages", "EOVERFLOW", { ...map, userVa: U64_MAX }],
  ["iopt_check_iova", "EOVERFLOW", { ...map, iova: U64_MAX }],
  ["iopt_check_iova", "EEXIST", map],
  ["iommufd_vfio_unmap_dma: ALL", "EINVAL", { ...unmap, flags: 2 }],
  ["iopt_unmap_iova: no length", "EINVAL", { ...unmap, size: 0n }],
  ["iopt_unmap_iova: the range", "EOVERFLOW", { ...unmap, iova: U64_MAX, size: 2n }],
  ["iopt_unmap_iova_range", "ENOENT", unmap],
];

const TYPE1: readonly Row<CompatCommand>[] = [
  ["iopt_area_split: the cut", "EINVAL", { ...unmap, size: 0x800n }],
  ["iopt_area_split: the cut", "EINVAL", { ...unmap, iova: IOVA + 0x800n, size: 2n * PAGE }],
];

/** TYPE1 with the area as the file of a device's memory, and with a pinned page. */
const cut = { ...unmap, iova: IOVA + PAGE } as const;
const exported = (): Model => {
  const model = container(1);
  run(model, { ...unmap, size: 2n * PAGE });
  const source = { kind: "dmabuf", fd: 3, start: 0n } as const;
  const last = iova(IOVA + 2n * PAGE - 1n);
  model.fold([{ type: "IovaMapped", ioas: 0, iova: iova(IOVA), last, prot: "rw", source }]);
  return model;
};
const pinned = (): Model => {
  const model = container(1);
  const pin = { access: "a", ioas: 0, item: 0, first: iova(IOVA), last: iova(IOVA + PAGE - 1n) };
  model.environment = { ...model.environment, pins: new Map([["pin", pin]]) };
  return model;
};

const EXPORTED: readonly Row<CompatCommand>[] = [["iopt_area_split: the area", "EOPNOTSUPP", cut]];
const PINNED: readonly Row<CompatCommand>[] = [["iopt_area_split: an in-kernel", "EINVAL", cut]];

for (const [name, make, rows] of [
  ["without an ioas", () => new Model(), EMPTY],
  ["TYPE1v2", container, JOINED],
  ["TYPE1", () => container(1), TYPE1],
  ["TYPE1, a dma-buf", exported, EXPORTED],
  ["TYPE1, a pinned page", pinned, PINNED],
] as const)
  for (const [rule, errno, command] of rows) {
    const text = JSON.stringify(command, (_, v) => (typeof v === "bigint" ? v.toString(16) : v));
    test(`${name}: ${rule} ${errno} ${text}`, () => {
      const outcome = ask(make(), command);
      assert.is(outcome.errno, errno, `${outcome.rule}`);
      assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
    });
  }

test("the version is 0, and three extensions are there", () => {
  const model = new Model();
  assert.equal(ask(model, api).out, { version: 0 });
  const known = [1, 2, 3, 6, 7, 8, 9, 10].filter((number) => {
    const { out } = ask(model, extension(number)) as { readonly out: { readonly value: number } };
    return out.value === 1;
  });
  assert.equal(known, [1, 3, 9]);
  assert.equal(ask(container(), extension(4)).out, { value: 1 });
});

test("the first group makes the ioas; another joins it; one that was set serves as well", () => {
  const model = new Model();
  assert.equal(run(model, join).events, [
    { type: "IoasAllocated", ioas: 0, kernelId: 1 },
    { type: "VfioIoasSet", ioas: 0 },
  ]);
  assert.equal(run(model, join).events, []);
  model.run({ command: "DestroyObject", id: 1 });
  assert.is(ask(model, map).errno, "ENODEV");
});

test("TYPE1 turns large pages off, unless page tables hold areas", () => {
  assert.is(ask(container(), { ...set, iommuType: 1 }).errno, null);
  const busy = new Model();
  run(busy, join);
  busy.attach(1);
  run(busy, map);
  assert.is(ask(busy, { ...set, iommuType: 1 }).errno, "EINVAL");
});

test("TYPE1 cuts areas at both ends; TYPE1v2 unmaps whole ones", () => {
  const type1 = container(1);
  assert.equal(run(type1, { ...unmap, iova: IOVA + PAGE, size: 5n * PAGE }).out, { size: PAGE });
  assert.equal(type1.areas(), [[IOVA, IOVA + PAGE - 1n]]);
  const whole = container();
  assert.equal(run(whole, { ...unmap, iova: IOVA + PAGE }).out, { size: 0n });
  assert.equal(run(whole, { ...unmap, size: 2n * PAGE }).out, { size: 2n * PAGE });
});

test("what was unmapped before an errno is written back", () => {
  const model = container();
  run(model, { ...map, iova: IOVA + 2n * PAGE });
  const outcome = run(model, { ...unmap, size: 3n * PAGE });
  assert.equal([outcome.errno, outcome.out], ["ENOENT", { size: 2n * PAGE }]);
  assert.equal(model.areas(), [[IOVA + 2n * PAGE, IOVA + 4n * PAGE - 1n]]);
});

test("a range with nothing in it is unmapped: nothing", () => {
  const model = container();
  assert.equal(run(model, { ...unmap, iova: 0n }).out, { size: 0n });
  assert.equal(run(model, { ...unmap, flags: 2, iova: 0n, size: 0n }).out, { size: 2n * PAGE });
  assert.equal(run(model, { ...unmap, flags: 2, iova: 0n, size: 0n }).out, { size: 0n });
});

test("a mapping need not permit anything", () => {
  const model = container();
  assert.equal(run(model, { ...map, flags: 0, iova: 0n, size: PAGE }).errno, null);
});

test("GET_INFO tells its full size, and where it fits the capabilities", () => {
  const model = container();
  const told = { flags: 3, pageSizes: U64_MAX - 0xfffn, entriesLeft: 0xffffffff };
  const ranges = [{ first: 0n, last: U64_MAX }];
  assert.equal(ask(model, info).out, { argBytes: 72, ...told, capOffset: 24, ranges });
  assert.equal(ask(model, { ...info, argBytes: 71 }).out, { argBytes: 72, ...told, capOffset: 0, ranges });
  model.attach(1);
  const attached = ask(model, info).out as { readonly pageSizes: bigint | null; readonly ranges: unknown };
  assert.is(attached.pageSizes, null, "no call tells the sizes of a page table");
  assert.equal(attached.ranges, [{ first: IOVA, last: 0x7fff_ffffn }]);
});

test.run();
