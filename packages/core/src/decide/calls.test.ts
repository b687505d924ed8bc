/** The orders of checks of the calls without a file of their own. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { iova, U64_MAX } from "../address.ts";
import type { Command } from "../commands.ts";
import { BUFFER_BYTES, MOCK, Model, PAGE, type Row, VA } from "./testing/model.ts";

const test = suite("order of checks");

/** ioas 1 with an area at 0x10000, a reserved and an allowed range; ioas 2 with a device (3, 4) and its hwpt 5. */
function model(): Model {
  const made = new Model();
  made.alloc();
  made.alloc();
  made.map(1, 0x10000n, 0x800n);
  made.reserve(1, 0x20000n, PAGE);
  made.allow(1, [0x30000n, 0x3ffffn]);
  made.attach(2);
  return made;
}

const allow = { command: "AllowIovas", ioasId: 1 } as const;
const ranges = { command: "QueryIovaRanges", ioasId: 1, slots: 8 } as const;
const option = { command: "UseOption", option: 1, operation: 0, objectId: 1, value: 0n } as const;
const reserve = { command: "ReserveIova", ioasId: 1, iova: 0x50000n, length: PAGE } as const;
const device = { command: "CreateMockDevice", device: "dev1", deviceFlags: 0, traits: MOCK, ptId: 1 } as const;
const wide = { ...MOCK, pageSize: 0x10000n };
const replace = { command: "ReplaceMockDevice", deviceId: 3, ptId: 1 } as const;

const ORDER: readonly Row<Command>[] = [
  ["iommufd_ioas_alloc_ioctl", "EOPNOTSUPP", { command: "AllocIoas", flags: 1 }],
  ["iommufd_object_remove: no object", "ENOENT", { command: "DestroyObject", id: 9 }],
  ["iommufd_object_remove: no object", "ENOENT", { command: "DestroyObject", id: 0 }],
  ["iommufd_object_remove: somebody", "EBUSY", { command: "DestroyObject", id: 2 }],
  ["iommufd_object_remove: somebody", "EBUSY", { command: "DestroyObject", id: 4 }],
  ["iommufd_object_remove: somebody", "EBUSY", { command: "DestroyObject", id: 5 }],
  ["iommufd_ioas_allow_iovas", "EOPNOTSUPP", { ...allow, ioasId: 9, reserved: 1, ranges: [[2n, 1n]] }],
  ["iommufd_get_ioas: no ioas", "ENOENT", { ...allow, ioasId: 5, ranges: [[2n, 1n]], hasBadPointer: true }],
  ["iommufd_ioas_load_iovas: the list", "EFAULT", { ...allow, ranges: [[2n, 1n]], hasBadPointer: true }],
  ["iommufd_ioas_load_iovas: not longer", "EINVAL", { ...allow, ranges: [[0x20000n, 0x20000n]] }],
  [
    "iommufd_ioas_load_iovas: two",
    "EINVAL",
    {
      ...allow,
      ranges: [
        [0x20000n, 0x20fffn],
        [0x20fffn, 0x30000n],
      ],
    },
  ],
  [
    "iopt_set_allow_iova",
    "EADDRINUSE",
    {
      ...allow,
      ranges: [
        [0x40000n, 0x40fffn],
        [0x20fffn, 0x30000n],
      ],
    },
  ],
  ["iommufd_ioas_iova_ranges: reserved", "EOPNOTSUPP", { ...ranges, ioasId: 9, reserved: 1 }],
  ["iommufd_get_ioas: no ioas", "ENOENT", { ...ranges, ioasId: 4, hasBadPointer: true, slots: 1 }],
  ["iommufd_ioas_iova_ranges: the array", "EFAULT", { ...ranges, hasBadPointer: true, slots: 1 }],
  ["iommufd_ioas_iova_ranges: more", "EMSGSIZE", { ...ranges, slots: 1 }],
  ["iommufd_option: reserved", "EOPNOTSUPP", { ...option, option: 7, objectId: 9, reserved: 1 }],
  ["iommufd_option: unknown", "EOPNOTSUPP", { ...option, option: 7, objectId: 9 }],
  ["iommufd_get_ioas: no ioas", "ENOENT", { ...option, objectId: 9, operation: 3 }],
  ["iommufd_option: neither", "EOPNOTSUPP", { ...option, operation: 3, value: 2n }],
  ["iommufd_ioas_option_huge_pages", "EINVAL", { ...option, value: 2n }],
  ["iopt_check_iova_alignment", "EADDRINUSE", option],
  ["iommufd_option_rlimit_mode: it", "EOPNOTSUPP", { ...option, option: 0, operation: 3 }],
  ["iommufd_option: neither", "EOPNOTSUPP", { ...option, option: 0, operation: 3, objectId: 0 }],
  ["iommufd_option_rlimit_mode: objects", "EBUSY", { ...option, option: 0, objectId: 0, value: 2n }],
  ["iommufd_test_add_reserved: no length", "EINVAL", { ...reserve, ioasId: 9, iova: U64_MAX, length: 0n }],
  ["iommufd_test_add_reserved: the range", "EOVERFLOW", { ...reserve, ioasId: 9, iova: U64_MAX, length: 2n }],
  ["iommufd_get_ioas: no ioas", "ENOENT", { ...reserve, ioasId: 9, iova: 0x10000n }],
  ["iopt_reserve_iova", "EADDRINUSE", { ...reserve, iova: 0x10000n }],
  ["iopt_reserve_iova", "EADDRINUSE", { ...reserve, iova: 0x3ffffn }],
  ["mock_dev_create", "EINVAL", { ...device, deviceFlags: 4, ptId: 9 }],
  ["iommufd_device_change_pt: no object", "ENOENT", { ...device, ptId: 9 }],
  ["iommufd_device_change_pt: neither", "EINVAL", { ...device, ptId: 4 }],
  [
    "iopt_table_enforce_dev_resv_regions",
    "EADDRINUSE",
    { ...device, traits: { ...wide, reserved: [{ first: iova(0x10000n), last: iova(0x10fffn) }] } },
  ],
  ["iopt_table_add_domain", "EINVAL", { ...device, traits: wide }],
  ["iopt_check_iova_alignment", "EADDRINUSE", { ...device, traits: { ...MOCK, pageSize: PAGE } }],
  ["iopt_reserve_iova", "EADDRINUSE", device],
  ["iommufd_test_mock_domain_replace", "ENOENT", { ...replace, deviceId: 4, ptId: 9 }],
  ["iommufd_device_change_pt: no object", "ENOENT", { ...replace, ptId: 9 }],
  ["iommufd_device_change_pt: neither", "EINVAL", { ...replace, ptId: 3 }],
  ["iopt_reserve_iova", "EADDRINUSE", replace],
];

for (const [rule, errno, command] of ORDER) {
  const text = JSON.stringify(command, (_, v) => (typeof v === "bigint" ? v.toString(16) : v));
  test(`${rule} ${errno} ${text}`, () => {
    const outcome = model().ask(command);
    assert.is(outcome.errno, errno);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });
}

test("RLIMIT_MODE asks for the capability, then for an empty fd, then for a mode", () => {
  const set = { ...option, option: 0, objectId: 0, value: 2n };
  const poor = new Model({ canSetLimits: false });
  poor.alloc();
  assert.is(poor.ask(set).errno, "EPERM");
  const empty = new Model();
  assert.is(empty.ask(set).errno, "EINVAL");
  assert.equal(empty.run({ ...set, value: 1n }).out, { value: 1n });
  assert.equal(empty.run({ ...set, operation: 1, value: 0n }).out, { value: 1n });
});

test("large pages cannot be turned off under page tables with areas", () => {
  const busy = new Model();
  busy.alloc();
  busy.attach(1);
  busy.map(1, 0x100_0000n, PAGE);
  assert.is(busy.run(option).errno, "EINVAL");
  busy.unmap(1, 0n, U64_MAX);
  assert.is(busy.run(option).errno, null);
  assert.is(busy.map(1, 0x100_0000n, 0x800n).errno, "EINVAL");
});

test("the first attach of an ioas pins what it holds; a failure leaves nothing", () => {
  const space = new Model();
  space.alloc();
  space.map(1, 0x100_0000n, 2n * PAGE, VA + BUFFER_BYTES - PAGE);
  assert.is(space.attach(1).errno, "EFAULT");
  assert.equal(space.state.space(0).reservations, []);
  assert.is(space.alloc(), 2);
  space.unmap(1, 0n, U64_MAX);
  assert.equal(space.attach(1).out, { deviceId: 3, boundId: 4, hwpt: 0, hwptId: 5, isAuto: true });
});

test("a move makes the new page table before the old one goes, and ids show it", () => {
  const two = model();
  two.allow(1);
  two.unmap(1, 0n, U64_MAX);
  assert.equal(two.run(replace).out, { hwpt: 1, hwptId: 6, isAuto: true });
  assert.is(two.state.hwpts[0], undefined);
  assert.equal(two.state.space(1).reservations, []);
  assert.equal(two.run(replace).events, []);
  assert.is(two.run({ command: "DestroyObject", id: 3 }).errno, null);
  assert.equal([two.alloc(), two.alloc(), two.alloc(), two.alloc()], [3, 4, 5, 6]);
  assert.equal(
    two.state.space(0).reservations.map(({ owner }) => owner),
    ["user"],
  );
});

test.run();
