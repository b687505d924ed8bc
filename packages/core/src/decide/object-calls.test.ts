/** The orders of checks of the calls on queues, vIOMMUs, PASIDs and groups: from source, not refereed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { iova, U64_MAX } from "../address.ts";
import type { Command } from "../commands.ts";
import type { DeviceTraits } from "../profile/environment.ts";
import { kernelProfile } from "../profile/kernel-profile.ts";
import { mockTraits } from "../profile/mock-traits.ts";
import { unbindEvents } from "./destroy-object.ts";
import { Model, PAGE, type Row } from "./testing/model.ts";

const test = suite("order of checks, objects");
const SELFTEST = 0xdeadbeef;
const NESTED = 0xdead;
const IOVA = 0x100_0000n;

const MOCK: DeviceTraits = mockTraits(
  { pageSize: 0x800n, aperture: { first: iova(IOVA), last: iova(0x7fff_ffffn) } },
  4,
  kernelProfile("7.3"),
);
const MSI = { first: iova(0xfee0_0000n), last: iova(0xfeef_ffffn) };
const DEVICES = new Map<string, DeviceTraits>([
  ["mock", MOCK],
  ["other", { ...MOCK, virtual: { iommu: "other", viommuType: 1, invalidation: null, hwQueueTypes: [] } }],
  ["second", { ...MOCK, reserved: [MSI] }],
  ["noisy", { ...MOCK, hasIsolatedMsi: false }],
  ["stale", { ...MOCK, isCoherent: false, hasIsolatedMsi: false }],
]);

/**
 * ioas 1 with two pages; mock 2, other 3 and second 4 are bound; a nest parent 5, a plain table 6, a vIOMMU 7 on
 * the parent, a vDEVICE 8 of mock, an event queue 9, a fault queue 10.
 */
function model(kernel = "7.3"): Model {
  const made = new Model({ devices: DEVICES }, kernel);
  made.alloc();
  made.map(1, IOVA, 2n * PAGE);
  for (const device of ["mock", "other", "second"]) made.run({ command: "BindVfioDevice", device });
  made.run({ ...hwpt, flags: 1 });
  made.run(hwpt);
  for (const command of [viommu, vdevice, veventq, fault]) made.run(command);
  return made;
}

const hwpt = { command: "AllocHwpt", deviceId: 2, ptId: 1, flags: 0, dataType: 0, dataLength: 0 } as const;
const nested = { ...hwpt, ptId: 5, dataType: NESTED, dataLength: 4 } as const;
const fault = { command: "AllocFaultQueue", flags: 0 } as const;
const viommu = { command: "AllocViommu", flags: 0, viommuType: SELFTEST, deviceId: 2, hwptId: 5 } as const;
const vdevice = { command: "AllocVdevice", viommuId: 7, deviceId: 2, virtualId: 1n } as const;
const veventq = { command: "AllocVeventQueue", flags: 0, viommuId: 7, queueType: 1, depth: 4 } as const;
const queue = {
  command: "AllocHwQueue",
  flags: 0,
  viommuId: 7,
  queueType: SELFTEST,
  index: 0,
  iova: IOVA,
  length: PAGE,
} as const;
const inv = { command: "InvalidateHwpt", objectId: 7, dataType: SELFTEST, entryBytes: 12, entries: 2 } as const;
const attach = { command: "AttachVfioDevice", device: "mock", ptId: 1 } as const;

const ORDER: readonly Row<Command>[] = [
  ["iommufd_fops_ioctl", "EINVAL", { ...fault, size: 15, hasNonZeroTail: true, flags: 1 }],
  ["copy_struct_from_user", "E2BIG", { ...fault, size: 24, hasNonZeroTail: true, flags: 1 }],
  ["iommufd_fault_alloc", "EOPNOTSUPP", { ...fault, flags: 1 }],
  ["close", "EBADF", { command: "CloseQueueFile", id: 7 }],
  ["iommufd_viommu_alloc_ioctl: a flag", "EOPNOTSUPP", { ...viommu, flags: 1, deviceId: 99 }],
  ["iommufd_viommu_alloc_ioctl: a flag", "EOPNOTSUPP", { ...viommu, viommuType: 0, deviceId: 99 }],
  ["iommufd_get_device", "ENOENT", { ...viommu, deviceId: 1, viommuType: 9, hwptId: 99 }],
  ["iommufd_viommu_alloc_ioctl: no driver", "EOPNOTSUPP", { ...viommu, viommuType: 9, hwptId: 99 }],
  ["iommufd_get_hwpt_paging", "ENOENT", { ...viommu, hwptId: 1 }],
  ["iommufd_viommu_alloc_ioctl: no parent", "EINVAL", { ...viommu, hwptId: 6 }],
  ["iommufd_get_viommu", "ENOENT", { ...vdevice, viommuId: 5, deviceId: 99 }],
  ["iommufd_get_device", "ENOENT", { ...vdevice, deviceId: 99 }],
  ["iommufd_vdevice_alloc_ioctl: the device sits", "EINVAL", { ...vdevice, deviceId: 3 }],
  ["iommufd_vdevice_alloc_ioctl: the device has", "EEXIST", vdevice],
  ["iommufd_vdevice_alloc_ioctl: the vIOMMU has", "EEXIST", { ...vdevice, deviceId: 4 }],
  ["iommufd_fops_ioctl: the struct", "EINVAL", { ...veventq, size: 27, flags: 1 }],
  ["iommufd_veventq_alloc: a flag", "EOPNOTSUPP", { ...veventq, flags: 1, depth: 0, viommuId: 99 }],
  ["iommufd_veventq_alloc: a flag", "EOPNOTSUPP", { ...veventq, reserved: 1, depth: 0, viommuId: 99 }],
  ["iommufd_veventq_alloc: a flag", "EOPNOTSUPP", { ...veventq, queueType: 0, depth: 0, viommuId: 99 }],
  ["iommufd_veventq_alloc: no depth", "EINVAL", { ...veventq, depth: 0, viommuId: 99 }],
  ["iommufd_get_viommu", "ENOENT", { ...veventq, viommuId: 8, size: 28 }],
  ["iommufd_veventq_alloc: the vIOMMU", "EEXIST", veventq],
  ["iommufd_hw_queue_alloc_ioctl: a flag", "EOPNOTSUPP", { ...queue, flags: 1, length: 0n, viommuId: 99 }],
  ["iommufd_hw_queue_alloc_ioctl: a flag", "EOPNOTSUPP", { ...queue, queueType: 0, length: 0n, viommuId: 99 }],
  ["iommufd_hw_queue_alloc_ioctl: no length", "EINVAL", { ...queue, length: 0n, viommuId: 99 }],
  ["iommufd_hw_queue_alloc_ioctl: the range", "EOVERFLOW", { ...queue, iova: U64_MAX, length: 2n, viommuId: 99 }],
  ["iommufd_get_viommu", "ENOENT", { ...queue, viommuId: 99, queueType: 1 }],
  ["get_hw_queue_size", "EOPNOTSUPP", { ...queue, queueType: 1, length: 3n * PAGE }],
  ["iopt_for_each_contig_area", "ENOENT", { ...queue, length: 3n * PAGE, isContiguous: false }],
  ["iommufd_hw_queue_alloc_phys", "EFAULT", { ...queue, isContiguous: false }],
  ["iommufd_hwpt_invalidate: reserved", "EOPNOTSUPP", { ...inv, reserved: 1, entryBytes: 0, objectId: 99 }],
  ["iommufd_hwpt_invalidate: entries", "EINVAL", { ...inv, entryBytes: 0, objectId: 99 }],
  ["iommufd_hwpt_invalidate: entries", "EINVAL", { ...inv, hasNoData: true, objectId: 99 }],
  ["iommufd_hwpt_invalidate: no object", "ENOENT", { ...inv, objectId: 99, dataType: 1 }],
  ["iommufd_hwpt_invalidate: neither", "EINVAL", { ...inv, objectId: 5, dataType: 1 }],
  ["cache_invalidate_user: the data", "EINVAL", { ...inv, dataType: 1, entryBytes: 4 }],
  ["cache_invalidate_user: the driver", "EIO", { ...inv, refused: { entry: 1, errno: "EIO" } }],
  ["iommufd_hwpt_alloc: the device sits", "EINVAL", { ...nested, ptId: 7, deviceId: 3, flags: 64 }],
  ["iommufd_hwpt_nested_alloc: unknown", "EOPNOTSUPP", { ...nested, ptId: 7, flags: 64 }],
  ["domain_alloc_nested", "EOPNOTSUPP", { ...nested, ptId: 7, dataType: 1 }],
  ["iommufd_get_fault", "ENOENT", { ...nested, ptId: 7, flags: 4, faultId: 9 }],
  ["iommufd_device_bind: DMA", "EINVAL", { command: "BindVfioDevice", device: "stale" }],
  ["iommufd_device_bind: the device", "EPERM", { command: "BindVfioDevice", device: "noisy" }],
  ["iommufd_hwpt_pasid_compat", "EINVAL", { ...attach, pasid: 1 }],
  ["iommufd_hwpt_pasid_compat", "EINVAL", { ...attach, pasid: 1, ptId: 6 }],
];

for (const [rule, errno, command] of ORDER) {
  const text = JSON.stringify(command, (_, v) => (typeof v === "bigint" ? v.toString(16) : v));
  test(`${rule} ${errno} ${text}`, () => {
    const outcome = model().ask(command);
    assert.is(outcome.errno, errno, `${outcome.rule}`);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });
}

test("6.12 has fault queues and nothing virtual", () => {
  const old = new Model({ devices: DEVICES });
  assert.equal(old.run(fault).out, { faultId: 1 });
  for (const command of [viommu, vdevice, veventq, queue])
    assert.is(old.ask({ ...command, size: 4 }).errno, "ENOTTY", command.command);
  assert.is(old.ask({ ...inv, objectId: 1 }).errno, "ENOENT");
  old.run({ command: "BindVfioDevice", device: "mock" });
  assert.is(old.ask({ ...attach, pasid: 1 }).errno, "EINVAL");
  assert.is(old.ask({ command: "DetachVfioDevice", device: "mock", pasid: 1 }).errno, "EINVAL");
});

const destroy = (id: number) => ({ command: "DestroyObject", id }) as const;

test("what is used is not destroyed: a table by its vIOMMU, a vIOMMU by all that is its own, a queue by its file", () => {
  const made = model();
  made.run({ ...nested, ptId: 7, flags: 4, faultId: 10 });
  for (const id of [1, 5, 7, 9, 10]) assert.is(made.ask(destroy(id)).errno, "EBUSY", `${id}`);
  made.run({ command: "CloseQueueFile", id: 10 });
  assert.is(made.ask(destroy(10)).errno, "EBUSY", "its table is there");
  made.run({ command: "CloseQueueFile", id: 9 });
  for (const id of [11, 10, 9, 8, 7, 5, 6, 1]) assert.is(made.run(destroy(id)).errno, null, `${id}`);
  assert.is(made.state.objects.size, 0);
  assert.is(made.alloc(), 1);
});

test("the id of a vDEVICE whose device goes first stays taken", () => {
  const made = model();
  made.fold(unbindEvents(made.state, "mock"));
  assert.is(made.ask(destroy(8)).errno, "ENOENT");
  for (const id of [9, 10]) {
    made.run({ command: "CloseQueueFile", id });
    made.run(destroy(id));
  }
  assert.is(made.run(destroy(7)).errno, null);
  assert.equal([made.alloc(), made.alloc(), made.alloc()], [2, 7, 9]);
});

test("a hardware queue locks the areas of its memory and takes two ids", () => {
  const made = model();
  assert.equal(made.run({ ...queue, iova: IOVA + 0x80n, length: 0x100n }).out, { hwQueueId: 11 });
  assert.is(made.alloc(), 13);
  const locked = made.unmap(1, IOVA + PAGE, PAGE);
  assert.is(locked.errno, "EBUSY");
  assert.ok(locked.rule?.startsWith("iopt_unmap_iova_range: a hardware queue"));
  assert.is(made.run(destroy(11)).errno, null);
  assert.is(made.unmap(1, IOVA, 2n * PAGE).errno, null);
  assert.is(made.alloc(), 11);
});

test("invalidation writes how many entries it handled, whatever comes of it", () => {
  const made = model();
  assert.equal(made.run(inv).out, { entries: 2 });
  assert.equal(made.run({ ...inv, entries: 0, entryBytes: 0 }).out, { entries: 0 });
  assert.equal(made.run({ ...inv, refused: { entry: 1, errno: "EIO" } }).out, { entries: 1 });
});

test("a PASID needs page tables made for it, and none of the regions of its device", () => {
  const made = model();
  const table = made.run({ ...hwpt, deviceId: 4, flags: 8 }).out as { readonly hwptId: number };
  const second = { command: "AttachVfioDevice", device: "second", ptId: table.hwptId, pasid: 5 } as const;
  assert.is(made.ask({ ...second, pasid: 2 ** 20 }).errno, "EINVAL");
  const reserved = () => made.state.space(0).reservations.filter(({ owner }) => owner === "device:second").length;
  assert.is(made.run(second).errno, null);
  assert.is(reserved(), 0);
  assert.is(made.ask({ command: "AttachVfioDevice", device: "second", ptId: 6 }).errno, "EINVAL");
  assert.is(made.run({ command: "AttachVfioDevice", device: "second", ptId: table.hwptId }).errno, null);
  assert.is(reserved(), 1);
  assert.is(made.ask(destroy(table.hwptId)).errno, "EBUSY");
  made.run({ command: "DetachVfioDevice", device: "second" });
  assert.is(made.ask(destroy(table.hwptId)).errno, "EBUSY");
  assert.equal(made.run({ command: "DetachVfioDevice", device: "second", pasid: 5 }).events, [
    { type: "DeviceDetached", device: "second", pasid: 5 },
  ]);
  assert.is(made.run(destroy(table.hwptId)).errno, null);
});

test("the devices of a group share one page table; a move takes all of them", () => {
  const made = new Model({ devices: DEVICES }, "7.3");
  made.alloc();
  made.alloc();
  for (const device of ["mock", "second"]) made.run({ command: "BindVfioDevice", device, group: "7" });
  made.run(attach);
  assert.is(made.ask({ ...attach, device: "second", ptId: 2 }).errno, "EINVAL");
  assert.equal(made.run({ ...attach, device: "second" }).out, { hwpt: 0, hwptId: 5, isAuto: true });
  assert.equal(made.run({ ...attach, device: "second", ptId: 2 }).out, { hwpt: 1, hwptId: 6, isAuto: true });
  assert.equal(
    [...made.state.attachments.values()].map(({ ioas, hwpt: table }) => [ioas, table]),
    [
      [1, 1],
      [1, 1],
    ],
  );
  assert.is(made.state.hwpts[0], undefined);
  assert.equal(made.state.space(0).reservations, []);
  assert.ok(made.state.space(1).reservations.some(({ owner }) => owner === "device:second"));
});

test("GET_HW_INFO with a type of its own asks the driver for that one", () => {
  const info = { type: 1, bytes: [1], capabilities: 1n };
  const made = new Model({ devices: new Map([["mock", { ...MOCK, hwInfo: info }]]) }, "7.3");
  made.run({ command: "BindVfioDevice", device: "mock" });
  const ask = (flags: number, dataType: number) => made.ask({ command: "QueryHwInfo", deviceId: 1, flags, dataType });
  assert.equal(ask(1, 1).out, { info });
  assert.equal(ask(0, 2).out, { info });
  assert.is(ask(1, 2).errno, "EOPNOTSUPP");
});

test.run();
