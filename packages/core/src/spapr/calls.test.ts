/** The order of checks of each call of the sPAPR TCE driver: v1 and v2, on pseries and powernv. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { SpaprCommand } from "./commands.ts";
import { BUFFER, type HostOptions, TestHost } from "./testing/host.ts";

const test = suite("spapr calls");
const DDW = 1n << 59n;
const K4 = 0x1000n;
const K64 = 0x1_0000n;

/** Each row of a call has one more thing put right than the row above it. */
type Row = readonly [rule: string, told: string | number, command: SpaprCommand];

interface Scene {
  readonly name: string;
  readonly options: HostOptions;
  /** What happens before the call. */
  readonly before?: (host: TestHost) => unknown;
  readonly rows: readonly Row[];
}

const map = { command: "MapDma", container: 0, iova: 0n, userVa: BUFFER, size: K4, flags: 3 } as const;
const unmap = { command: "UnmapDma", container: 0, iova: 0n, size: K4, flags: 0 } as const;
const register = { command: "RegisterMemory", container: 0, userVa: BUFFER, size: K64, flags: 0 } as const;
const unregister = { ...register, command: "UnregisterMemory" } as const;
const create = { command: "CreateWindow", container: 0, pageShift: 16, size: K64, levels: 1, flags: 0 } as const;
const remove = { command: "RemoveWindow", container: 0, start: 0n, flags: 0 } as const;
const info = { command: "QueryTceInfo", container: 0 } as const;
const enable = { command: "Enable", container: 0 } as const;
const disable = { command: "Disable", container: 0 } as const;
const unknown = { command: "UnknownCall", container: 0 } as const;
const eeh = { command: "UseEeh", container: 0 } as const;
const setIommu = (iommuType: number) => ({ command: "SetIommu", container: 0, iommuType }) as const;

/** Container 1 gets a group (1, of PE 5), and no driver. */
const CALLS = [map, unmap, register, unregister, create, remove, info, enable, disable, eeh];
const bare = (host: TestHost) => {
  host.call({ command: "OpenContainer" });
  host.call({ command: "OpenGroup", pe: 5 });
};
const joined = (host: TestHost) => {
  bare(host);
  host.call({ command: "SetContainer", group: 1, container: 1 });
};
const registered = (host: TestHost) => host.register(0n, 0x10_0000n);
const withDdw = (host: TestHost) => [registered(host), host.create(16, 0x10_0000n)];
const limited = (bytes: bigint) => (host: TestHost) => {
  host.environment = { ...host.environment, memlockBytes: bytes, canLockMemory: false };
};
const enabled = (host: TestHost) => host.call(enable);
/** 16 MiB into the buffer lies a region that another container, of version 2 too, registered. */
const FAR = BUFFER + 0x100_0000n;
const shared = (host: TestHost) => {
  joined(host);
  host.call({ ...setIommu(7), container: 1 });
  host.call({ ...register, container: 1, userVa: FAR });
  registered(host);
};

const SCENES: readonly Scene[] = [
  {
    name: "files",
    options: {},
    rows: [...CALLS, unknown, setIommu(7), { command: "CheckExtension", container: 0, extension: 7 } as const].map(
      (command): Row => ["fdget", "EBADF", { ...command, container: 9 }],
    ),
  },
  {
    name: "files of groups and devices",
    options: {},
    rows: [
      ["fdget", "EBADF", { command: "CloseContainer", container: 9 }],
      ["fdget", "EBADF", { command: "QueryGroupStatus", group: 9 }],
      ["fdget", "EBADF", { command: "SetContainer", group: 9, container: 0 }],
      ["fdget", "EBADF", { command: "SetContainer", group: 0, container: 9 }],
      ["fdget", "EBADF", { command: "UnsetContainer", group: 9 }],
      ["fdget", "EBADF", { command: "OpenDevice", group: 9 }],
      ["fdget", "EBADF", { command: "CloseDevice", device: 9 }],
    ],
  },
  {
    name: "a container without a driver",
    options: {},
    before: joined,
    rows: [...CALLS, unknown].map((command): Row => ["vfio_fops_unl_ioctl", "EINVAL", { ...command, container: 1 }]),
  },
  {
    name: "groups",
    options: {},
    before: bare,
    rows: [
      ["vfio_group_fops_open", "EBUSY", { command: "OpenGroup", pe: 5 }],
      ["vfio_group_ioctl_set_container", "EINVAL", { command: "SetContainer", group: 0, container: 1 }],
      ["vfio_group_ioctl_unset_container: it", "EINVAL", { command: "UnsetContainer", group: 1 }],
      ["vfio_group_use_container", "EINVAL", { command: "OpenDevice", group: 1 }],
      ["vfio_ioctl_set_iommu: no group", "EINVAL", { ...setIommu(9), container: 1 }],
      ["vfio_ioctl_set_iommu: no group", "EINVAL", setIommu(9)],
    ],
  },
  {
    name: "a group with an open device",
    options: {},
    before: (host) => host.call({ command: "OpenDevice", group: 0 }),
    rows: [["vfio_group_ioctl_unset_container: devices", "EBUSY", { command: "UnsetContainer", group: 0 }]],
  },
  {
    name: "types, pseries",
    options: {},
    before: joined,
    rows: [
      ["vfio_ioctl_set_iommu: no driver", "ENODEV", { ...setIommu(9), container: 1 }],
      ["vfio_ioctl_set_iommu: no driver", "ENODEV", { ...setIommu(5), container: 1 }],
    ],
  },
  {
    name: "types, powernv",
    options: { machine: "powernv" },
    before: joined,
    rows: [["tce_iommu_open", "EINVAL", { ...setIommu(5), container: 1 }]],
  },
  {
    name: "v1 takes one group, when its driver is set and later",
    options: { version: 1 },
    before: (host) => {
      joined(host);
      for (const pe of [6, 7]) host.call({ command: "OpenGroup", pe });
      host.call({ command: "SetContainer", group: 2, container: 1 });
    },
    rows: [
      ["tce_iommu_attach_group", "EBUSY", { ...setIommu(2), container: 1 }],
      ["tce_iommu_attach_group", "EBUSY", { command: "SetContainer", group: 3, container: 0 }],
    ],
  },
  {
    name: "windows of the firmware are one group's",
    options: {},
    before: (host) => [withDdw(host), bare(host)],
    rows: [
      ["spapr_tce_set_window: the container", "EPERM", { command: "SetContainer", group: 1, container: 0 }],
      ["vfio_spapr_iommu_eeh_ioctl", "ENODEV", eeh],
      ["tce_iommu_ioctl: no such call", "ENOTTY", unknown],
    ],
  },
  {
    name: "two groups have no windows on pseries",
    options: {},
    before: (host) => {
      bare(host);
      host.call({ command: "SetContainer", group: 1, container: 0 });
    },
    rows: [["spapr_tce_set_window: a table", "EPERM", create]],
  },
  {
    name: "v2, nothing registered",
    options: {},
    rows: [
      ["tce_iommu_ioctl: not enabled", "EPERM", { ...map, hasBadPointer: true }],
      ["tce_iommu_ioctl: not enabled", "EPERM", { ...unmap, hasBadPointer: true }],
      ["tce_iommu_ioctl: no such call", "ENOTTY", enable],
      ["tce_iommu_ioctl: no such call", "ENOTTY", disable],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_GET_INFO: bad", "EFAULT", { ...info, hasBadPointer: true, argBytes: 15 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_GET_INFO: argsz", "EINVAL", { ...info, argBytes: 15 }],
      ["tce_iommu_ioctl: no call tied", "EPERM", { ...unregister, hasBadPointer: true }],
      [
        "tce_iommu_ioctl, VFIO_IOMMU_SPAPR_REGISTER_MEMORY: bad",
        "EFAULT",
        { ...register, hasBadPointer: true, argBytes: 23 },
      ],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_REGISTER_MEMORY: argsz", "EINVAL", { ...register, argBytes: 23, flags: 1 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_REGISTER_MEMORY: unknown", "EINVAL", { ...register, flags: 1, userVa: 1n }],
      ["tce_iommu_register_pages: not whole", "EINVAL", { ...register, userVa: 1n }],
      ["tce_iommu_register_pages: not whole", "EINVAL", { ...register, size: K4 }],
      ["tce_iommu_register_pages: vaddr", "EINVAL", { ...register, userVa: 2n ** 64n - K64 }],
      ["mm_iommu_do_alloc: no memory", "ENOMEM", { ...register, size: 0n }],
      ["mm_iommu_do_alloc: the first", "EFAULT", { ...register, userVa: 0n }],
      ["mm_iommu_do_alloc: a later", 2, { ...register, userVa: BUFFER + 0x3fe_0000n, size: 4n * K64 }],
    ],
  },
  {
    name: "v2, another process",
    options: {},
    before: registered,
    rows: [map, unmap, register, unregister, create, remove].map(
      (command): Row => ["tce_iommu_ioctl: the container belongs", "EPERM", { ...command, isOtherProcess: true }],
    ),
  },
  {
    name: "v2, registered",
    options: {},
    before: shared,
    rows: [
      ["tce_iommu_register_pages: this", "EBUSY", { ...register, size: 0x10_0000n }],
      ["mm_iommu_do_alloc: overlaps", "EINVAL", register],
      [
        "tce_iommu_ioctl, VFIO_IOMMU_SPAPR_REGISTER_MEMORY: bad",
        "EFAULT",
        { ...unregister, hasBadPointer: true, argBytes: 23 },
      ],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_REGISTER_MEMORY: argsz", "EINVAL", { ...unregister, argBytes: 23, flags: 1 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_REGISTER_MEMORY: unknown", "EINVAL", { ...unregister, flags: 1, size: 1n }],
      ["tce_iommu_register_pages: not whole", "EINVAL", { ...unregister, size: 1n }],
      ["mm_iommu_get", "ENOENT", unregister],
      ["tce_iommu_unregister_pages", "ENOENT", { ...unregister, userVa: FAR }],
      ["tce_iommu_ioctl, VFIO_IOMMU_MAP_DMA: bad", "EFAULT", { ...map, hasBadPointer: true, argBytes: 31 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_MAP_DMA: argsz", "EINVAL", { ...map, argBytes: 31, flags: 7 }],
      ["tce_iommu_ioctl: unknown flag", "EINVAL", { ...map, flags: 7, iova: DDW }],
      ["tce_iommu_find_table", "ENXIO", { ...map, iova: DDW, size: 1n }],
      ["tce_iommu_ioctl: size or vaddr", "EINVAL", { ...map, iova: 1n, size: 1n, flags: 0 }],
      ["tce_iommu_ioctl: size or vaddr", "EINVAL", { ...map, iova: 1n, userVa: 1n, flags: 0 }],
      ["tce_iommu_ioctl: neither", "EINVAL", { ...map, iova: 1n, flags: 0 }],
      ["iommu_tce_put_param_check", 1, { ...map, iova: 1n, userVa: 0n }],
      ["tce_iommu_prereg_ua_to_hpa", "EINVAL", { ...map, userVa: 0n }],
      ["tce_iommu_ioctl, VFIO_IOMMU_UNMAP_DMA: bad", "EFAULT", { ...unmap, hasBadPointer: true, argBytes: 23 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_UNMAP_DMA: argsz", "EINVAL", { ...unmap, argBytes: 23, flags: 1 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_UNMAP_DMA: unknown", "EINVAL", { ...unmap, flags: 1, iova: DDW }],
      ["tce_iommu_find_table", "ENXIO", { ...unmap, iova: DDW, size: 1n }],
      ["tce_iommu_ioctl: size not whole", "EINVAL", { ...unmap, iova: 1n, size: 1n }],
      ["iommu_tce_clear_param_check", 1, { ...unmap, iova: 1n }],
    ],
  },
  {
    name: "v2, windows of pseries",
    options: {},
    before: registered,
    rows: [
      [
        "tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_CREATE: bad",
        "EFAULT",
        { ...create, hasBadPointer: true, argBytes: 39, flags: 1 },
      ],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_CREATE: argsz", "EINVAL", { ...create, argBytes: 39, flags: 1 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_CREATE: unknown", "EINVAL", { ...create, flags: 1, pageShift: 30 }],
      ["tce_iommu_create_window", "EINVAL", { ...create, pageShift: 30, size: 0n }],
      ["tce_iommu_create_table", "EINVAL", { ...create, size: 0n }],
      ["spapr_tce_create_table: no power", "EINVAL", { ...create, size: 3n * K64 }],
      ["spapr_tce_create_table: no power", "EINVAL", { ...create, levels: 2 }],
      ["spapr_tce_create_table: query_ddw", "EINVAL", { ...create, size: 0x8000n }],
      ["spapr_tce_create_table: query_ddw", "EINVAL", { ...create, pageShift: 12, size: 1n << 50n }],
      ["create_ddw", "ENODEV", { ...create, pageShift: 24, size: 1n << 60n }],
      [
        "tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_REMOVE: bad",
        "EFAULT",
        { ...remove, hasBadPointer: true, argBytes: 15, flags: 1 },
      ],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_REMOVE: argsz", "EINVAL", { ...remove, argBytes: 15, flags: 1 }],
      ["tce_iommu_ioctl, VFIO_IOMMU_SPAPR_TCE_REMOVE: unknown", "EINVAL", { ...remove, flags: 1, start: DDW }],
      ["tce_iommu_remove_window", "EINVAL", { ...remove, start: DDW }],
    ],
  },
  {
    name: "v2, both windows there",
    options: {},
    before: withDdw,
    rows: [["tce_iommu_find_free_table", "ENOSPC", { ...create, pageShift: 30, size: 0n }]],
  },
  {
    name: "v2, the PE's firmware has refused",
    options: {},
    before: (host) => host.create(24, 1n << 60n),
    rows: [["spapr_tce_create_table: the PE", "ENODEV", create]],
  },
  {
    name: "v2, window 0 beside a dynamic one",
    options: {},
    before: (host) => [withDdw(host), host.remove(0n)],
    rows: [["spapr_tce_create_table: window 0", "EPERM", { ...create, pageShift: 12 }]],
  },
  {
    name: "v2, firmware without dynamic windows",
    options: { phb: 4 },
    before: registered,
    rows: [["spapr_tce_create_table: no ibm", "EINVAL", map]],
  },
  {
    name: "v2, windows past their end",
    options: {},
    before: withDdw,
    rows: [["tce_exchange_pseries", "EINTR", { ...map, iova: DDW + 0xf_0000n, size: 2n * K64 }]],
  },
  {
    name: "v2, over the limit",
    options: {},
    before: limited(K64),
    rows: [["account_locked_vm", "ENOMEM", { ...register, size: 2n * K64 }]],
  },
  {
    name: "v2, windows over the limit",
    options: {},
    before: limited(K64),
    rows: [["account_locked_vm", "ENOMEM", create]],
  },
  {
    name: "v2, windows of powernv",
    options: { machine: "powernv" },
    before: registered,
    rows: [
      ["tce_iommu_create_window", "EINVAL", { ...create, pageShift: 13, levels: 0 }],
      ["tce_iommu_create_table", "EINVAL", { ...create, levels: 0 }],
      ["tce_iommu_create_table", "EINVAL", { ...create, levels: 6 }],
      ["tce_iommu_create_table", "EINVAL", { ...create, size: 3n * K64 }],
      ["pnv_pci_ioda2_table_alloc_pages", "EINVAL", { ...create, size: 1n << 36n, levels: 3 }],
      ["pnv_pci_ioda2_table_do_alloc_pages", "ENOMEM", { ...create, pageShift: 12, size: 1n << 34n }],
      ["tce_iommu_remove_window", "EINVAL", { ...remove, start: K4 }],
      ["tce_iommu_find_table", "ENXIO", { ...map, iova: DDW }],
      ["tce_iommu_prereg_ua_to_hpa", "EINVAL", { ...map, userVa: 0n }],
      ["tce_iommu_find_table", "ENXIO", { ...unmap, iova: DDW }],
    ],
  },
  {
    name: "v1",
    options: { version: 1 },
    rows: [
      ["tce_iommu_ioctl: not enabled", "EPERM", { ...map, hasBadPointer: true }],
      ["tce_iommu_ioctl: not enabled", "EPERM", { ...unmap, hasBadPointer: true }],
      ...[register, unregister, create, remove].map(
        (command): Row => ["tce_iommu_ioctl: no such call", "ENOTTY", { ...command, hasBadPointer: true }],
      ),
    ],
  },
  {
    name: "v1, over the limit",
    options: { version: 1 },
    before: limited(K64),
    rows: [["account_locked_vm", "ENOMEM", enable]],
  },
  {
    name: "v1, enabled",
    options: { version: 1 },
    before: enabled,
    rows: [
      ["tce_iommu_enable: it is", "EBUSY", enable],
      ["tce_iommu_ioctl: unknown flag", "EINVAL", { ...map, flags: 7, iova: DDW }],
      ["tce_iommu_find_table", "ENXIO", { ...map, iova: DDW, size: 1n }],
      ["tce_iommu_ioctl: neither", "EINVAL", { ...map, iova: 1n, flags: 0 }],
      ["iommu_tce_put_param_check", 1, { ...map, iova: 1n, userVa: 0n }],
      ["tce_iommu_use_page", "EFAULT", { ...map, userVa: 0n, flags: 1 }],
      ["tce_exchange_pseries", "EINTR", { ...map, iova: 0x3ff_f000n, size: 2n * K4 }],
      ["tce_iommu_ioctl: size not whole", "EINVAL", { ...unmap, iova: 1n, size: 1n }],
      ["iommu_tce_clear_param_check", 1, { ...unmap, iova: 1n }],
    ],
  },
];

for (const { name, options, before, rows } of SCENES)
  for (const [rule, told, command] of rows) {
    const text = JSON.stringify(command, (_, v) => (typeof v === "bigint" ? v.toString(16) : v));
    test(`${name}: ${rule} ${told} ${text}`, () => {
      const host = new TestHost(options);
      before?.(host);
      const outcome = host.call(command);
      assert.is(outcome.errno ?? outcome.returned, told, `${outcome.rule}`);
      assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
    });
  }

test.run();
