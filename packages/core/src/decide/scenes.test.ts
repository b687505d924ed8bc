/** Rules that need a scene of their own: each row makes it, and breaks one rule in it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { iova, U64_MAX } from "../address.ts";
import type { Command } from "../commands.ts";
import type { DeviceTraits, Environment } from "../profile/environment.ts";
import { kernelProfile } from "../profile/kernel-profile.ts";
import { mockTraits } from "../profile/mock-traits.ts";

import { BUFFER_BYTES, MOCK, Model, PAGE, VA } from "./testing/model.ts";

const test = suite("scenes of rules");
const IOVA = 0x100_0000n;
const END = VA + BUFFER_BYTES;
const aperture = { first: iova(IOVA), last: iova(0x7fff_ffffn) };
const NEW_MOCK = mockTraits({ pageSize: 0x800n, aperture }, 4, kernelProfile("7.3"));
const SELFTEST = 0xdeadbeef;

const { nestedInvalidation: _, ...MUTE } = NEW_MOCK;
/** Behind an IOMMU of another driver, which nests and takes no invalidations. */
const PLAIN: DeviceTraits = {
  ...MUTE,
  nestedDataType: SELFTEST,
  virtual: { iommu: "plain", viommuType: SELFTEST, invalidation: null, hwQueueTypes: [] },
};

const DEVICES = new Map<string, DeviceTraits>([
  ["dev0", NEW_MOCK],
  ["mate", { ...NEW_MOCK, reserved: [] }],
  ["mute", { ...NEW_MOCK, canTrackDirty: false, pasids: 0, hwInfo: { type: 1, bytes: [], capabilities: 0n } }],
  ["narrow", { ...NEW_MOCK, refusesWiderTables: true, aperture: { first: aperture.first, last: iova(0x1ff_ffffn) } }],
  ["plain", PLAIN],
]);

/** An ioas 1 with devices bound from id 2 on, in the order of their names. */
function bound(kernel: string, names: readonly string[], group?: string, change: Partial<Environment> = {}): Model {
  const made = new Model({ devices: DEVICES, ...change }, kernel);
  made.alloc();
  for (const device of names)
    made.run({ command: "BindVfioDevice", device, ...(group === undefined ? {} : { group }) });
  return made;
}

/** An ioas with these areas, of one page each at IOVA and up, unless they say otherwise. */
function mapped(...areas: readonly (readonly [at: bigint, length: bigint, va: bigint])[]): Model {
  const made = new Model();
  made.alloc();
  for (const [at, length, va] of areas) made.map(1, at, length, va);
  return made;
}

const hwpt = { command: "AllocHwpt", deviceId: 2, ptId: 1, flags: 0, dataType: 0, dataLength: 0 } as const;
const nested = { dataType: 0xdead, dataLength: 4 } as const;
const attach = { command: "AttachVfioDevice", device: "dev0", ptId: 1 } as const;
const mock = { command: "CreateMockDevice", device: "dev1", deviceFlags: 0, traits: MOCK, ptId: 1 } as const;
const map = { command: "MapIova", ioasId: 1, flags: 6, userVa: VA, length: PAGE, iova: 0n } as const;
const option = { command: "UseOption", option: 0, operation: 0, objectId: 0, value: 2n } as const;
const large = { ...option, option: 1, objectId: 1, value: 0n } as const;
const viommu = { command: "AllocViommu", flags: 0, viommuType: SELFTEST, deviceId: 2, hwptId: 3 } as const;
const queue = { command: "AllocHwQueue", flags: 0, viommuId: 4, queueType: SELFTEST, index: 0 } as const;
const inv = { command: "InvalidateHwpt", objectId: 4, dataType: SELFTEST, entryBytes: 12, entries: 2 } as const;

const accessed = (made: Model, flags: number): Model => {
  made.run({ command: "CreateAccess", access: "a", ioasId: 1, flags });
  return made;
};
const run = (made: Model, ...commands: readonly Command[]): Model => {
  for (const command of commands) assert.is(made.run(command).errno, null, command.command);
  return made;
};

/** A table that tracks dirty pages, one as wide as the mock's IOMMU, one whose device is another's. */
const withTable = (names: readonly string[], flags: number, group?: string) =>
  run(bound("7.3", names, group), { ...hwpt, flags });
const virtual = (name = "dev0") => run(bound("7.3", [name]), { ...hwpt, flags: 1 }, viommu);
const full = () => {
  const made = mapped([IOVA, PAGE, VA]);
  made.allow(1, [IOVA, IOVA + PAGE - 1n]);
  return made;
};

const SCENES: readonly (readonly [rule: string, errno: string, scene: () => Model, command: Command])[] = [
  ["base and length: one", "EINVAL", () => new Model(), { command: "AllocIoas", flags: 0, base: 1n }],
  [
    "base and length: the range",
    "EOVERFLOW",
    () => new Model(),
    { command: "AllocIoas", flags: 0, base: 2n, length: U64_MAX },
  ],
  [
    "iopt_pages_rw_access",
    "EFAULT",
    () => accessed(mapped([IOVA, PAGE, END]), 0),
    { command: "AccessMemory", access: "a", iova: IOVA, length: 8n, flags: 0 },
  ],
  ["pfn_reader_user_pin", "EFAULT", () => mapped([IOVA, PAGE, END]), mock],
  [
    "incr_user_locked_vm",
    "ENOMEM",
    () => {
      const made = mapped([IOVA, 2n * PAGE, VA]);
      made.environment = { ...made.environment, memlockBytes: PAGE, canLockMemory: false };
      return made;
    },
    mock,
  ],
  [
    "memfd_pin_folios",
    "EINVAL",
    () => run(bound("7.3", ["dev0"], undefined, { files: new Map([[5, PAGE]]) }), attach),
    { command: "MapFile", ioasId: 1, flags: 7, fd: 5, start: 0n, length: 2n * PAGE, iova: IOVA },
  ],
  ["iopt_alloc_iova: no length", "EOVERFLOW", () => mapped(), { ...map, length: 1n << 63n }],
  ["iopt_alloc_iova: the source", "EINVAL", () => run(mapped(), large), { ...map, length: PAGE, userVa: VA + 0x800n }],
  ["iopt_alloc_iova: no hole", "ENOSPC", full, map],
  ["iopt_check_iova: the iova", "EINVAL", () => run(mapped(), large), { ...map, flags: 7, iova: 0x800n }],
  ["iopt_check_iova: the range is reserved", "EINVAL", () => run(mapped(), mock), { ...map, flags: 7, iova: 0n }],
  ["iopt_reserve_iova: what is beyond", "EADDRINUSE", () => mapped([0n, PAGE, VA]), mock],
  [
    "iopt_reserve_iova: an area",
    "EADDRINUSE",
    () => mapped([IOVA, PAGE, VA]),
    { command: "ReserveIova", ioasId: 1, iova: IOVA, length: PAGE },
  ],
  ["iopt_check_iova_alignment: an area", "EADDRINUSE", () => mapped([IOVA, 0x400n, VA]), mock],
  ["iopt_check_iova_alignment: the alignment", "EADDRINUSE", () => mapped([IOVA, 0x400n, VA]), large],
  [
    "iopt_disable_large_pages",
    "EINVAL",
    () => {
      const made = mapped([IOVA, PAGE, VA]);
      return run(made, mock);
    },
    large,
  ],
  [
    "iommu_map",
    "EINVAL",
    () => {
      const made = mapped([0n, 0x400n, VA], [0x400n, 0x400n, VA + PAGE]);
      made.alloc();
      return run(made, { ...mock, ptId: 2 });
    },
    { command: "CopyIova", flags: 7, dstIoasId: 2, srcIoasId: 1, length: 0x800n, dstIova: IOVA, srcIova: 0n },
  ],
  ["iommufd_option_rlimit_mode: CAP", "EPERM", () => new Model({ canSetLimits: false }), option],
  ["iommufd_option_rlimit_mode: no such", "EINVAL", () => new Model(), option],
  [
    "iopt_unmap_iova_range: a hardware queue",
    "EBUSY",
    () => {
      const made = virtual();
      made.map(1, IOVA, PAGE);
      return run(made, { ...queue, iova: IOVA, length: PAGE });
    },
    { command: "UnmapIova", ioasId: 1, iova: IOVA, length: PAGE },
  ],
  [
    "vfio_df_ioctl_bind_iommufd",
    "EINVAL",
    () => bound("6.12", ["dev0"], undefined, { deviceFiles: new Map([["dev0", "/dev/vfio/devices/vfio0"]]) }),
    { command: "BindVfioDevice", device: "dev0" },
  ],
  ["vfio_df_ioctl_attach_pt", "EINVAL", () => bound("6.12", ["dev0"]), { ...attach, pasid: 1 }],
  [
    "vfio_df_ioctl_attach_pt",
    "EINVAL",
    () => bound("6.12", ["dev0"]),
    { command: "DetachVfioDevice", device: "dev0", pasid: 1 },
  ],
  [
    "iommufd_hw_pagetable_attach: the group",
    "EINVAL",
    () => run(withTable(["dev0", "mate"], 0, "7"), attach),
    { ...attach, device: "mate", ptId: 4 },
  ],
  ["iommu_attach_device_pasid", "EINVAL", () => withTable(["dev0"], 8), { ...attach, ptId: 3, pasid: 2 ** 20 }],
  ["mock_domain_nop_attach", "EINVAL", () => withTable(["dev0", "mute"], 2), { ...attach, device: "mute", ptId: 4 }],
  [
    "paging_domain_compatible",
    "EINVAL",
    () => withTable(["dev0", "narrow"], 0),
    { ...attach, device: "narrow", ptId: 4 },
  ],
  ["ida_alloc_range", "ENOSPC", () => withTable(["dev0"], 8), { ...attach, ptId: 99, pasid: 2 ** 31 }],
  [
    "iommufd_hw_pagetable_attach: PASID 0",
    "EBUSY",
    () => run(withTable(["dev0"], 8), attach),
    { ...attach, ptId: 3, pasid: 0 },
  ],
  [
    "iommufd_hwpt_nested_alloc: the parent",
    "EINVAL",
    () => withTable(["dev0", "plain"], 1),
    { ...hwpt, deviceId: 3, ptId: 4, dataType: 1, dataLength: 4 },
  ],
  [
    "cache_invalidate_user: the data",
    "EINVAL",
    () => run(withTable(["dev0", "plain"], 1), { ...hwpt, ptId: 4, ...nested }),
    { ...inv, objectId: 5, dataType: 7 },
  ],
  [
    "cache_invalidate_user: the driver has",
    "EOPNOTSUPP",
    () => run(bound("7.3", ["plain"]), { ...hwpt, flags: 1 }, { ...hwpt, ptId: 3, ...nested, dataType: SELFTEST }),
    { ...inv, objectId: 4 },
  ],
  ["iommufd_hw_queue_alloc_phys: the length", "ERANGE", virtual, { ...queue, iova: 0n, length: U64_MAX - PAGE + 2n }],
  ["iommufd_get_hwpt_nested", "ENOENT", () => bound("6.12", ["dev0"]), { ...inv, objectId: 1 }],
  ["cache_invalidate_user: the driver has", "EOPNOTSUPP", () => virtual("plain"), inv],
  [
    "hw_info: the driver",
    "EOPNOTSUPP",
    () => bound("7.3", ["mute"]),
    { command: "QueryHwInfo", deviceId: 2, flags: 1, dataType: 2 },
  ],
  [
    "domain_alloc_paging_flags: the data",
    "EOPNOTSUPP",
    () => bound("7.3", ["dev0"]),
    { ...hwpt, dataType: 1, dataLength: 3 },
  ],
  [
    "iommu_copy_struct_from_user: the data is too short",
    "EINVAL",
    () => bound("7.3", ["dev0"]),
    { ...hwpt, dataType: 0xdead, dataLength: 3 },
  ],
  [
    "iommu_copy_struct_from_user_array",
    "EINVAL",
    () => run(withTable(["dev0"], 1), { ...hwpt, ptId: 3, ...nested }),
    { ...inv, entryBytes: 7, refused: { entry: 0, errno: "EIO" } },
  ],
];

for (const [rule, errno, scene, command] of SCENES) {
  const text = JSON.stringify(command, (_, v) => (typeof v === "bigint" ? v.toString(16) : v));
  test(`${rule} ${errno} ${text}`, () => {
    const outcome = scene().ask(command);
    assert.is(outcome.errno, errno, `${outcome.rule}`);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });
}

test.run();
