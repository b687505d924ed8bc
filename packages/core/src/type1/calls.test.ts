/** The order of checks of each call of the type1 interface, and effects that single calls have. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { U64_MAX } from "../address.ts";
import type { Type1Command, UserBitmap } from "./commands.ts";
import { Model, NARROW, PAGE, VA, WIDE } from "./testing/model.ts";

const test = suite("type1 calls");

const bitmap: UserBitmap = { pageSize: PAGE, bytes: 8n, address: null, fill: 0 };
const map = { command: "MapDma", container: 0, flags: 3, userVa: VA, iova: 0x4_0000n, size: PAGE } as const;
const unmap = { command: "UnmapDma", container: 0, flags: 0, iova: 0x1_0000n, size: 2n * PAGE, bitmap: null } as const;
const dirty = { ...unmap, flags: 1, bitmap } as const;
const get = { command: "UseDirtyPages", container: 0, flags: 4, iova: 0x1_0000n, size: 2n * PAGE, bitmap } as const;
const info = { command: "QueryInfo", container: 0 } as const;
const container = { kind: "container", handle: 0 } as const;
const join = { command: "SetContainer", group: 1, file: container } as const;

/** Container 0 with group 0, mappings at 0x10000 (two pages) and 0x20000; group 1 is open outside; container 1 is empty. */
function model(): Model {
  const made = Model.ready();
  made.map(0x1_0000n, 2n * PAGE);
  made.map(0x2_0000n);
  made.run({ command: "OpenGroup", group: 3 });
  made.run({ command: "OpenContainer" });
  return made;
}

/** Each row of a call has one more thing put right than the row above it. */
const ORDER: readonly (readonly [rule: string, errno: string, command: Type1Command])[] = [
  ["vfio_group_fops_open", "EBUSY", { command: "OpenGroup", group: 2 }],
  ["ioctl: no open file", "EBADF", { command: "QueryApiVersion", container: 9 }],
  ["vfio_ioctl_set_iommu: no group", "EINVAL", { command: "SetIommu", container: 1, iommuType: 7 }],
  ["vfio_ioctl_set_iommu: no group", "EINVAL", { command: "SetIommu", container: 0, iommuType: 3 }],
  ["vfio_group_ioctl_set_container: no open", "EBADF", { ...join, group: 0, file: { kind: "none" } }],
  ["vfio_group_ioctl_set_container: the group", "EINVAL", { ...join, group: 0, file: { kind: "foreign" } }],
  ["iommufd_ctx_from_file", "EBADFD", { ...join, file: { kind: "foreign" } }],
  ["vfio_group_ioctl_unset_container: the group", "EINVAL", { command: "UnsetContainer", group: 1 }],
  ["vfio_device_get_from_name", "ENODEV", { command: "OpenDevice", group: 1, name: "0000:00:05.0" }],
  ["vfio_group_use_container", "EINVAL", { command: "OpenDevice", group: 1, name: "0000:00:06.0" }],
  ["vfio_iommu_type1_ioctl", "ENOTTY", { command: "UnknownCall", file: container }],
  ["vfio_fops_unl_ioctl", "EINVAL", { command: "UnknownCall", file: { kind: "container", handle: 1 } }],
  ["vfio_group_fops_unl_ioctl", "ENOTTY", { command: "UnknownCall", file: { kind: "group", handle: 0 } }],
  ["vfs_ioctl", "ENOTTY", { command: "UnknownCall", file: { kind: "foreign" } }],
  ["ioctl: no open file", "EBADF", { command: "UnknownCall", file: { kind: "device", handle: 0 } }],
  ["vfio_fops_unl_ioctl", "EINVAL", { ...info, container: 1, hasBadPointer: true }],
  ["vfio_iommu_type1_get_info: bad", "EFAULT", { ...info, argBytes: 15, hasBadPointer: true }],
  ["vfio_iommu_type1_get_info: argsz", "EINVAL", { ...info, argBytes: 15 }],
  ["vfio_fops_unl_ioctl", "EINVAL", { ...map, container: 1, hasBadPointer: true }],
  ["vfio_iommu_type1_map_dma: bad", "EFAULT", { ...map, hasBadPointer: true, argBytes: 31, size: 0n }],
  ["vfio_iommu_type1_map_dma: argsz", "EINVAL", { ...map, argBytes: 31, flags: 7 }],
  ["vfio_iommu_type1_map_dma: argsz", "EINVAL", { ...map, flags: 8 }],
  ["vfio_dma_do_map: VADDR with", "EINVAL", { ...map, flags: 5, size: 0n }],
  ["vfio_dma_do_map: VADDR with", "EINVAL", { ...map, flags: 0, size: 0n }],
  ["vfio_dma_do_map: no size", "EINVAL", { ...map, size: 0n }],
  ["vfio_dma_do_map: no size", "EINVAL", { ...map, userVa: VA + 1n, iova: 0x1_0000n }],
  ["vfio_dma_do_map: iova or", "EINVAL", { ...map, iova: U64_MAX - 0xfffn, size: 2n * PAGE }],
  ["vfio_dma_do_map: VADDR where", "ENOENT", { ...map, flags: 4 }],
  ["vfio_dma_do_map: VADDR of", "EINVAL", { ...map, flags: 4, iova: 0x1_0000n, size: 2n * PAGE }],
  ["vfio_find_dma", "EEXIST", { ...map, iova: 0x1_1000n, userVa: 0n }],
  ["vfio_iommu_iova_dma_valid", "EINVAL", { ...map, iova: 0xfedf_f000n, size: 2n * PAGE, userVa: 0n }],
  ["vaddr_get_pfns", "EFAULT", { ...map, userVa: 0n }],
  ["vfio_iommu_type1_unmap_dma: bad", "EFAULT", { ...dirty, hasBadPointer: true, argBytes: 23 }],
  ["vfio_iommu_type1_unmap_dma: argsz", "EINVAL", { ...dirty, argBytes: 23, flags: 3 }],
  ["vfio_iommu_type1_unmap_dma: a dirty", "EINVAL", { ...dirty, argBytes: 47, flags: 3 }],
  ["vfio_iommu_type1_unmap_dma: no room", "EINVAL", { ...dirty, argBytes: 47 }],
  ["access_ok", "EINVAL", { ...dirty, bitmap: { ...bitmap, bytes: 0n, address: 2n ** 63n } }],
  ["verify_bitmap_size", "EINVAL", { ...dirty, iova: 1n, bitmap: { ...bitmap, bytes: 7n } }],
  ["verify_bitmap_size", "EINVAL", { ...dirty, iova: 1n, size: 65n * PAGE }],
  ["vfio_dma_do_unmap: iova is", "EINVAL", { ...unmap, iova: 1n, size: 0n }],
  ["vfio_dma_do_unmap: ALL", "EINVAL", { ...unmap, flags: 2 }],
  ["vfio_dma_do_unmap: no size", "EINVAL", { ...unmap, size: 1n }],
  ["vfio_dma_do_unmap: dirty", "EINVAL", { ...dirty, iova: 0x1_1000n }],
  ["vfio_dma_do_unmap: v2", "EINVAL", { ...unmap, iova: 0x1_1000n }],
  ["vfio_dma_do_unmap: v2", "EINVAL", { ...unmap, iova: 0n, size: 0x1_1000n }],
  ["vfio_iommu_type1_dirty_pages: bad", "EFAULT", { ...get, hasBadPointer: true, argBytes: 7 }],
  ["vfio_iommu_type1_dirty_pages: argsz", "EINVAL", { ...get, argBytes: 7 }],
  ["vfio_iommu_type1_dirty_pages: argsz", "EINVAL", { ...get, flags: 5 }],
  ["vfio_iommu_type1_dirty_pages: no room", "EINVAL", { ...get, argBytes: 47, iova: 1n }],
  ["vfio_iommu_type1_dirty_pages: iova + size", "EINVAL", { ...get, iova: U64_MAX - 0xfffn, size: PAGE }],
  ["access_ok", "EINVAL", { ...get, bitmap: { ...bitmap, bytes: 0n, address: 2n ** 63n } }],
  ["verify_bitmap_size", "EINVAL", { ...get, iova: 1n, bitmap: { ...bitmap, bytes: 2n ** 28n + 1n } }],
  ["vfio_iommu_type1_dirty_pages: not the", "EINVAL", { ...get, bitmap: { ...bitmap, pageSize: 0x2000n } }],
  ["vfio_iommu_type1_dirty_pages: not the", "EINVAL", { ...get, iova: 1n }],
  ["vfio_iommu_type1_dirty_pages: dirty", "EINVAL", { ...get, iova: 0x1_1000n }],
];

for (const [rule, errno, command] of ORDER) {
  const text = JSON.stringify(command, (_, v) => (typeof v === "bigint" ? v.toString(16) : v));
  test(`${rule} ${errno} ${text}`, () => {
    const outcome = model().ask(command);
    assert.is(outcome.errno, errno);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });
}

test("a type that no driver knows, an extension that is no type, and no nesting", () => {
  for (const [iommuType, errno] of [
    [0, "ENODEV"],
    [4, "ENODEV"],
    [9, "EINVAL"],
    [6, "EINVAL"],
    [1, null],
  ] as const) {
    const made = new Model();
    made.run({ command: "OpenContainer" });
    made.run({ command: "OpenGroup", group: 2 });
    made.join(0);
    assert.is(made.run({ command: "SetIommu", container: 0, iommuType }).errno, errno);
  }
});

test("a full table is told before a bad range and after an overlap (vfio_dma_do_map)", () => {
  const full = Model.ready(3, { entriesMax: 1 });
  full.map(0x1_0000n);
  assert.is(full.map(0x1_0000n).errno, "EEXIST");
  assert.is(full.map(0xfee0_0000n).errno, "ENOSPC");
  full.unmap(0x1_0000n, PAGE);
  assert.is(full.map(0xfee0_0000n).errno, "EINVAL");
});

test("v1 stops at a first mapping that begins below, and takes whole what begins inside (vfio_dma_do_unmap)", () => {
  const v1 = Model.ready(1);
  v1.map(0x1_0000n, 2n * PAGE);
  v1.map(0x1_2000n);
  assert.equal(v1.unmap(0x1_1000n, 2n * PAGE).out, { size: 0n, bitmap: null });
  assert.equal(v1.unmap(0xf000n, 2n * PAGE).out, { size: 2n * PAGE, bitmap: null });
  assert.is(v1.driver.mappings.size, 1);
  assert.is(v1.ask(get).errno, "EACCES");
});

test("the limit is met page by page, before or after a hole (vfio_pin_pages_remote)", () => {
  const last = VA + 0x400_0000n - 2n * PAGE;
  for (const [memlockBytes, errno] of [
    [PAGE, "ENOMEM"],
    [2n * PAGE, "EFAULT"],
  ] as const)
    assert.is(Model.ready(3, { memlockBytes, canLockMemory: false }).map(0n, 3n * PAGE, last).errno, errno);
  const bar = Model.ready(3, { memlockBytes: 0n, canLockMemory: false });
  assert.is(bar.map(0n, PAGE, 0x7000_0000_0000n).errno, null);
  assert.is(bar.state.lockedPages, 0n);
});

test("a second invalidation undoes the first's marks of the same call, and an attach waits for addresses", () => {
  const made = model();
  assert.is(made.unmap(0x2_0000n, PAGE, 4).errno, null);
  assert.is(made.unmap(0n, 0n, 6).errno, "EINVAL");
  assert.equal([...made.driver.invalidVaddrs], [0x2_0000n]);
  assert.is(made.join(1).errno, "EBUSY");
  assert.is(made.map(0x2_0000n, PAGE, VA + PAGE, 4).errno, null);
  assert.is(made.join(1).errno, null);
});

test("a narrower group takes a domain of its own; when that dies the ranges grow back", () => {
  const made = model();
  made.join(1);
  assert.equal(made.driver.layout.iovas, [NARROW.aperture]);
  assert.is(made.driver.layout.domains.length, 2);
  made.run({ command: "UnsetContainer", group: 1 });
  assert.equal(
    made.driver.layout.iovas.map(({ last }) => last),
    [0xfedf_ffffn, WIDE.aperture.last],
  );
});

test("in a shared domain the ends stay where a group cut them, windows come back", () => {
  const shared = { ...NARROW, refusesWiderDomains: false, reserved: [{ ...NARROW.aperture, last: 0xfffn as never }] };
  const made = Model.ready(3, {}, [WIDE, shared]);
  made.run({ command: "OpenGroup", group: 3 });
  made.join(1);
  made.run({ command: "UnsetContainer", group: 1 });
  assert.equal(made.driver.layout.iovas, [{ first: 0x1000n, last: 0x7fff_ffffn }]);
});

test("the driver goes with the last group; an open device keeps a closed group inside", () => {
  const made = model();
  made.run({ command: "OpenDevice", group: 0, name: "0000:00:05.0" });
  assert.is(made.ask({ command: "UnsetContainer", group: 0 }).errno, "EBUSY");
  made.run({ command: "CloseFile", file: { kind: "group", handle: 0 } });
  assert.is(made.ask({ command: "OpenGroup", group: 2 }).errno, "EBUSY");
  assert.is(made.state.lockedPages, 3n);
  made.run({ command: "CloseFile", file: { kind: "device", handle: 0 } });
  assert.is(made.ask(info).errno, "EINVAL");
  assert.is(made.state.lockedPages, 0n);
});

test("bits shifted beyond a mapping's pages are seen again (update_user_bitmap)", () => {
  const made = Model.ready();
  made.run({ command: "UseDirtyPages", container: 0, flags: 1, iova: 0n, size: 0n, bitmap: null });
  made.map(0x2_0000n);
  const shifted = { ...get, iova: 0x1_f000n, bitmap: { ...bitmap, fill: 0xcc } };
  const straight = { ...get, iova: 0x2_0000n, size: PAGE };
  const words = (command: Type1Command) => made.run(command).out;
  assert.equal(words(shifted), { bitmap: new Map([[0n, 0xcccc_cccc_cccc_ccccn | 2n]]) });
  assert.equal(words(straight), { bitmap: new Map([[0n, 0xcccc_cccc_cccc_ccccn | 3n]]) });
  for (const flags of [2, 1])
    made.run({ command: "UseDirtyPages", container: 0, flags, iova: 0n, size: 0n, bitmap: null });
  assert.equal(words(straight), { bitmap: new Map([[0n, 1n]]) });
});

test("a bitmap that cannot be written stops an unmap half way", () => {
  const made = model();
  made.run({ command: "UseDirtyPages", container: 0, flags: 1, iova: 0n, size: 0n, bitmap: null });
  const wild = { ...dirty, iova: 0x1_0000n, size: 0x1_1000n, bitmap: { ...bitmap, address: 1n } };
  assert.is(made.run(wild).errno, "EFAULT");
  assert.is(made.driver.mappings.size, 2);
});

test("a mapping that ends at 2^64-1 makes what follows doubtful, by name", () => {
  const whole = { ...WIDE, aperture: { ...WIDE.aperture, last: U64_MAX as never } };
  const made = Model.ready(3, {}, [whole]);
  const top = made.map(U64_MAX - 0xfffn);
  assert.equal([top.errno, top.bug], [null, null]);
  assert.is(made.ask(map).bug?.name, "type1-top-of-space");
  assert.is(made.ask(unmap).bug?.name, "type1-top-of-space");
  assert.is(made.ask({ ...map, size: 0n }).bug, null);
  made.run({ command: "UnsetContainer", group: 0 });
  made.join(0);
  made.run({ command: "SetIommu", container: 0, iommuType: 3 });
  assert.is(made.ask(map).bug, null);
});

test.run();
