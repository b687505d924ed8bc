/** Rules of the type1 driver that need a scene of their own: each row makes it, and breaks one rule in it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Iova, U64_MAX } from "../address.ts";
import type { Type1Command } from "./commands.ts";
import { Model, NARROW, PAGE, VA, WIDE } from "./testing/model.ts";

const test = suite("scenes of type1 rules");
const range = (first: bigint, last: bigint) => ({ first: first as Iova, last: last as Iova });

const bitmap = { pageSize: PAGE, bytes: 8n, address: null, fill: 0 } as const;
const join = { command: "SetContainer", group: 1, file: { kind: "container", handle: 0 } } as const;
const map = { command: "MapDma", container: 0, flags: 3, userVa: VA, iova: 0x2_0000n, size: PAGE } as const;
const unmap = { command: "UnmapDma", container: 0, flags: 0, iova: 0x1_0000n, size: PAGE, bitmap: null } as const;
const start = { command: "UseDirtyPages", container: 0, flags: 1, iova: 0n, size: 0n, bitmap: null } as const;
const get = { ...start, flags: 4, iova: 0x1_0000n, size: PAGE, bitmap } as const;
const setIommu = (iommuType: number) => ({ command: "SetIommu", container: 0, iommuType }) as const;

/** Two pages at 0x10000, and group 1 (number 3) outside, whose traits are these. */
function mapped(iommuType = 3, second = NARROW, iova = 0x1_0000n): Model {
  const made = Model.ready(iommuType, {}, [WIDE, second]);
  made.map(iova, 2n * PAGE);
  made.run({ command: "OpenGroup", group: 3 });
  return made;
}

/** A container with a group and no driver yet. */
function undriven(): Model {
  const made = new Model();
  made.run({ command: "OpenContainer" });
  made.run({ command: "OpenGroup", group: 2 });
  made.join(0);
  return made;
}

const tracked = () => {
  const made = mapped();
  made.run(start);
  return made;
};
const opened = () => {
  const made = mapped();
  made.run({ command: "OpenDevice", group: 0, name: "0000:00:05.0" });
  return made;
};
const invalid = () => {
  const made = mapped();
  made.unmap(0x1_0000n, 2n * PAGE, 4);
  return made;
};
const reserving = (...reserved: ReturnType<typeof range>[]) => ({ ...NARROW, refusesWiderDomains: false, reserved });

const SCENES: readonly (readonly [rule: string, errno: string, scene: () => Model, command: Type1Command])[] = [
  ["vfio_ioctl_set_iommu: no driver", "ENODEV", undriven, setIommu(4)],
  ["vfio_iommu_type1_open", "EINVAL", undriven, setIommu(9)],
  ["iommu_enable_nesting", "EINVAL", undriven, setIommu(6)],
  ["vfio_iommu_type1_attach_group", "EBUSY", invalid, join],
  ["vfio_iommu_aper_conflict", "EINVAL", () => mapped(3, NARROW, 0x8000_0000n), join],
  ["vfio_iommu_resv_conflict", "EINVAL", () => mapped(3, reserving(range(0x1_1000n, 0x1_1fffn))), join],
  [
    "vfio_iommu_resv_exclude",
    "EINVAL",
    () => {
      const made = mapped(3, reserving(range(0n, U64_MAX)));
      made.unmap(0x1_0000n, 2n * PAGE);
      return made;
    },
    join,
  ],
  ["vfio_group_ioctl_unset_container: a device", "EBUSY", opened, { command: "UnsetContainer", group: 0 }],
  ["vfio_pci_core_ioctl", "ENOTTY", opened, { command: "UnknownCall", file: { kind: "device", handle: 0 } }],
  [
    "vfio_dma_do_map: dma_entry_limit",
    "ENOSPC",
    () => {
      const made = Model.ready(3, { entriesMax: 1 });
      made.map(0x1_0000n);
      return made;
    },
    { ...map, iova: 0xfee0_0000n },
  ],
  [
    "vfio_pin_pages_remote",
    "ENOMEM",
    () => Model.ready(3, { memlockBytes: PAGE, canLockMemory: false }),
    { ...map, size: 2n * PAGE },
  ],
  ["vfio_dma_do_unmap: the user address", "EINVAL", invalid, { ...unmap, flags: 4, size: 2n * PAGE }],
  ["vfio_iommu_type1_dirty_pages: v1", "EACCES", () => mapped(1), { ...get, hasBadPointer: true }],
  ["vfio_iova_dirty_bitmap", "EINVAL", tracked, { ...get, bitmap: { ...bitmap, address: 1n } }],
  ["update_user_bitmap", "EFAULT", tracked, { ...get, size: 2n * PAGE, bitmap: { ...bitmap, address: 1n } }],
  [
    "update_user_bitmap",
    "EFAULT",
    tracked,
    { ...unmap, flags: 1, size: 2n * PAGE, bitmap: { ...bitmap, address: 1n } },
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
