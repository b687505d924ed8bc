/** The orders of checks of the calls on page tables, devices and in-kernel users. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { U64_MAX } from "../address.ts";
import type { Command } from "../commands.ts";
import { BUFFER_BYTES, MOCK, Model, PAGE, type Row, VA } from "./testing/model.ts";

const test = suite("order of checks, devices");
const IOVA = 0x100_0000n;
const SELFTEST = 0xdead;

/** ioas 1 with dev0 (2, 3), its hwpt 4, a nest parent 5 that tracks and one area; ioas 6 with an odd area. */
function model(kernel: string): Model {
  const made = new Model({}, kernel);
  made.alloc();
  made.attach(1);
  made.run({ ...hwpt, flags: 3 });
  made.map(1, IOVA, 2n * PAGE);
  made.map(1, IOVA + 2n * PAGE, PAGE, VA, 5);
  made.map(1, IOVA + 3n * PAGE, PAGE, VA + PAGE, 3);
  made.alloc();
  made.map(6, 0x10400n, 0x400n);
  made.run({ command: "CreateAccess", access: "pinning", ioasId: 1, flags: 1 });
  made.run({ command: "CreateAccess", access: "copying", ioasId: 1, flags: 0 });
  const devices = new Map([
    ["dev0", MOCK],
    ["real", { ...MOCK, hwptFlags: 0, canTrackDirty: false, nestedDataType: null }],
    ["wide", { ...MOCK, pageSize: 0x2000n }],
  ]);
  made.environment = { ...made.environment, devices };
  made.run({ command: "BindVfioDevice", device: "real" });
  made.run({ command: "BindVfioDevice", device: "wide" });
  return made;
}

const hwpt = { command: "AllocHwpt", deviceId: 3, ptId: 1, flags: 0, dataType: 0, dataLength: 0 } as const;
const data = { dataType: SELFTEST, dataLength: 4 } as const;
const set = { command: "SetDirtyTracking", hwptId: 5, flags: 1 } as const;
const get = { command: "GetDirtyBitmap", hwptId: 5, flags: 0, iova: IOVA, length: PAGE, pageSize: 0x800n } as const;
const file = { command: "MapFile", ioasId: 1, flags: 7, fd: 0, start: 0n, length: PAGE, iova: IOVA } as const;
const create = { command: "CreateAccess", access: "new", ioasId: 6, flags: 1 } as const;
const pin = { command: "PinAccess", access: "pinning", iova: IOVA, length: PAGE, flags: 1, userVa: 0n } as const;
const copy = { command: "AccessMemory", access: "copying", iova: IOVA, length: 8n, flags: 0 } as const;
const check = { command: "CheckMockMap", hwptId: 4, iova: IOVA, length: PAGE, userVa: VA } as const;
const mark = { command: "MarkMockDirty", hwptId: 5, iova: IOVA, length: PAGE, pageSize: PAGE, bits: [1] } as const;
const vfio = { command: "UseVfioIoas", operation: 0, ioasId: 99 } as const;

const ORDER: readonly Row<Command>[] = [
  ["iommufd_hwpt_alloc: reserved", "EOPNOTSUPP", { ...hwpt, reserved: 1, dataLength: 4, deviceId: 99 }],
  ["iommufd_hwpt_alloc: data", "EINVAL", { ...hwpt, dataLength: 4, deviceId: 99 }],
  ["iommufd_hwpt_alloc: data", "EINVAL", { ...hwpt, dataType: SELFTEST, deviceId: 99 }],
  ["iommufd_get_device", "ENOENT", { ...hwpt, deviceId: 2, ptId: 99 }],
  ["iommufd_hwpt_alloc: neither", "EINVAL", { ...hwpt, ptId: 3, flags: 64 }],
  ["iommufd_hwpt_paging_alloc: unknown", "EOPNOTSUPP", { ...hwpt, flags: 12, ...data }],
  ["iommufd_hwpt_paging_alloc: the device", "EOPNOTSUPP", { ...hwpt, deviceId: 9, flags: 3 }],
  ["domain_alloc_paging_flags: the driver takes no such", "EOPNOTSUPP", { ...hwpt, deviceId: 9, flags: 1, ...data }],
  ["domain_alloc_paging_flags: the driver takes no data", "EOPNOTSUPP", { ...hwpt, ...data }],
  ["iopt_table_add_domain", "EINVAL", { ...hwpt, deviceId: 10, ptId: 6 }],
  ["iopt_check_iova_alignment", "EADDRINUSE", { ...hwpt, ptId: 6 }],
  ["iommufd_hwpt_nested_alloc: unknown", "EOPNOTSUPP", { ...hwpt, ptId: 4, flags: 1, ...data }],
  ["iommufd_hwpt_nested_alloc: unknown", "EOPNOTSUPP", { ...hwpt, ptId: 4 }],
  ["iommufd_hwpt_nested_alloc: no parent", "EINVAL", { ...hwpt, ptId: 4, dataType: 1, dataLength: 4 }],
  ["domain_alloc_nested", "EOPNOTSUPP", { ...hwpt, ptId: 5, dataType: 1, dataLength: 3 }],
  ["iommu_copy_struct_from_user: the data is too", "EINVAL", { ...hwpt, ptId: 5, dataType: SELFTEST, dataLength: 3 }],
  ["iommufd_get_fault", "ENOENT", { ...hwpt, ptId: 5, flags: 4, ...data }],
  ["iommufd_hwpt_set_dirty_tracking", "EOPNOTSUPP", { ...set, flags: 2, hwptId: 1 }],
  ["iommufd_get_hwpt_paging", "ENOENT", { ...set, hwptId: 1 }],
  ["domain->dirty_ops", "EOPNOTSUPP", { ...set, hwptId: 4 }],
  ["iommufd_hwpt_get_dirty_bitmap", "EOPNOTSUPP", { ...get, flags: 2, hwptId: 1 }],
  ["iommufd_get_hwpt_paging", "ENOENT", { ...get, hwptId: 1, length: 0n }],
  ["iommufd_check_iova_range: the range wraps", "EOVERFLOW", { ...get, hwptId: 4, length: 0n, pageSize: 0n }],
  ["iommufd_check_iova_range: not aligned as", "EINVAL", { ...get, hwptId: 4, length: 0x900n, pageSize: 0n }],
  ["iommufd_check_iova_range: no page size", "EINVAL", { ...get, hwptId: 4, pageSize: 0n }],
  ["iommufd_check_iova_range: not aligned to", "EINVAL", { ...get, hwptId: 4, pageSize: 0x2000n }],
  ["domain->dirty_ops", "EOPNOTSUPP", { ...get, hwptId: 4 }],
  ["iommufd_get_hw_info", "EOPNOTSUPP", { command: "QueryHwInfo", deviceId: 1, flags: 1 }],
  ["iommufd_get_device", "ENOENT", { command: "QueryHwInfo", deviceId: 2, flags: 0 }],
  ["iommufd_fops_ioctl: this kernel", "ENOTTY", { ...file, flags: 0 }],
  ["iommufd_fops_ioctl: this kernel", "ENOTTY", { command: "ChangeProcess", reserved: 1 }],
  ["iommufd_vfio_ioas: reserved", "EOPNOTSUPP", { ...vfio, reserved: 1 }],
  ["get_compat_ioas", "ENODEV", vfio],
  ["iommufd_get_ioas: no ioas", "ENOENT", { ...vfio, operation: 1 }],
  ["iommufd_vfio_ioas: neither", "EOPNOTSUPP", { ...vfio, operation: 3 }],
  ["vfio_device_fops_unl_ioctl", "EINVAL", { command: "AttachVfioDevice", device: "dev9", ptId: 1 }],
  ["iommufd_device_change_pt: no object", "ENOENT", { command: "AttachVfioDevice", device: "real", ptId: 99 }],
  ["iommufd_device_change_pt: neither", "EINVAL", { command: "AttachVfioDevice", device: "real", ptId: 3 }],
  ["vfio_device_fops_unl_ioctl", "EINVAL", { command: "DetachVfioDevice", device: "dev9" }],
  ["iommufd_test_create_access", "EOPNOTSUPP", { ...create, flags: 2, ioasId: 99 }],
  ["iommufd_get_ioas: no ioas", "ENOENT", { ...create, ioasId: 4 }],
  ["iopt_add_access", "EADDRINUSE", create],
  ["iommufd_access_get", "EBADFD", { command: "ReplaceAccess", access: "none", ioasId: 99 }],
  ["iommufd_get_ioas: no ioas", "ENOENT", { command: "ReplaceAccess", access: "pinning", ioasId: 99 }],
  ["iopt_add_access", "EADDRINUSE", { command: "ReplaceAccess", access: "pinning", ioasId: 6 }],
  ["iommufd_test_access_item_destroy", "ENOENT", { command: "UnpinAccess", access: "pinning", item: 0 }],
  ["iommufd_test_access_pages: more", "ENOMEM", { ...pin, access: "copying", length: 0x100_0001n, flags: 8 }],
  ["iommufd_test_access_pages: unknown", "EOPNOTSUPP", { ...pin, access: "none", length: 0n, flags: 8 }],
  ["iommufd_test_access_pages: it was", "EOPNOTSUPP", { ...pin, access: "copying", length: 0n }],
  ["iommufd_access_pin_pages: no", "EINVAL", { ...pin, iova: U64_MAX, length: 0n }],
  ["iommufd_access_pin_pages: the", "EOVERFLOW", { ...pin, iova: U64_MAX, length: 2n }],
  ["iopt_area_contig_is_aligned: begins", "EINVAL", { ...pin, iova: IOVA + 2n * PAGE + 1n }],
  ["check_area_prot", "EPERM", { ...pin, length: 8n * PAGE }],
  ["iopt_for_each_contig_area", "ENOENT", { ...pin, iova: IOVA + 3n * PAGE, length: 2n * PAGE }],
  ["iommufd_test_check_pages", "EBADE", { ...pin, userVa: VA + PAGE }],
  ["iommufd_test_access_pages: unknown", "EOPNOTSUPP", { ...copy, access: "none", flags: 8 }],
  ["iommufd_access_pin_pages: no", "EINVAL", { ...copy, length: 0n }],
  ["check_area_prot", "EPERM", { ...copy, iova: IOVA + 3n * PAGE, length: 2n * PAGE }],
  ["check_area_prot", "EPERM", { ...copy, iova: IOVA, length: 3n * PAGE, flags: 1 }],
  ["iopt_for_each_contig_area", "ENOENT", { ...copy, iova: IOVA + 4n * PAGE }],
  ["iommufd_test_md_check_pa: no whole", "EINVAL", { ...check, hwptId: 99, length: 0x400n }],
  ["iommufd_get_hwpt_paging", "ENOENT", { ...check, hwptId: 3 }],
  ["get_user_pages_fast", "EFAULT", { ...check, userVa: VA + BUFFER_BYTES }],
  ["iommufd_test_md_check_pa: another", "EINVAL", { ...check, userVa: VA + PAGE }],
  ["iommufd_test_dirty: no length", "EINVAL", { ...mark, hwptId: 99, pageSize: 0n }],
  ["iommufd_get_hwpt_paging", "ENOENT", { ...mark, hwptId: 99 }],
  ["iommufd_test_dirty: dirty tracking", "EINVAL", mark],
];

for (const [rule, errno, command] of ORDER) {
  const text = JSON.stringify(command, (_key, value) => (typeof value === "bigint" ? value.toString(16) : value));
  test(`${rule} ${errno} ${text}`, () => {
    const outcome = model("6.12").ask(command);
    assert.is(outcome.errno, errno, `${outcome.rule}`);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });
}

const LATER: readonly Row<Command>[] = [
  ["iommufd_hwpt_paging_alloc: a parent", "EOPNOTSUPP", { ...hwpt, flags: 5 }],
  ["iommufd_get_fault", "ENOENT", { ...hwpt, flags: 4 }],
  ["iommufd_check_iova_range: an empty", "EINVAL", { ...get, length: 0n }],
  ["iommufd_ioas_map: unknown", "EOPNOTSUPP", { ...file, flags: 8, iova: U64_MAX }],
  ["iommufd_ioas_map: iova", "EOVERFLOW", { ...file, flags: 0, iova: U64_MAX, ioasId: 99 }],
  ["iommufd_ioas_map: neither", "EINVAL", { ...file, flags: 0, ioasId: 99 }],
  ["iommufd_get_ioas: no ioas", "ENOENT", { ...file, ioasId: 99, fd: null }],
  ["iopt_map_file_pages: no length", "EINVAL", { ...file, fd: null, start: U64_MAX, length: 0n }],
  ["iopt_map_file_pages: the range", "EOVERFLOW", { ...file, fd: null, start: U64_MAX, length: 2n }],
  ["iopt_map_file_pages: the descriptor", "EBADF", { ...file, fd: null, start: 1n, length: U64_MAX - 1n }],
  ["iopt_alloc_pages", "EINVAL", { ...file, start: 1n, length: U64_MAX - 1n }],
  ["iopt_check_iova: the range is mapped", "EEXIST", file],
  ["iommufd_ioas_change_process: reserved", "EOPNOTSUPP", { command: "ChangeProcess", reserved: 1 }],
  ["iommufd_ioas_change_process: an area", "EINVAL", { command: "ChangeProcess" }],
];

for (const [rule, errno, command] of LATER)
  test(`7.3: ${rule} ${errno} ${command.command}`, () => {
    const outcome = model("7.3").ask(command);
    assert.is(outcome.errno, errno, `${outcome.rule}`);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });

test("a nested page table holds its parent, and the parent its ioas", () => {
  const made = model("6.12");
  const { out } = made.run({ ...hwpt, ptId: 5, ...data });
  assert.equal(out, { hwpt: 2, hwptId: 11 });
  assert.is(made.ask({ command: "DestroyObject", id: 5 }).errno, "EBUSY");
  made.run({ command: "DestroyObject", id: 11 });
  assert.is(made.ask({ command: "DestroyObject", id: 5 }).errno, null);
});

test.run();
