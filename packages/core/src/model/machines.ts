/**
 * The machine around each driver, from the hosts that a context was made with.
 *
 * Which user memory can be pinned is the VMM's affair: here all of it can, so no call fails with EFAULT for
 * its sake. The VMM has neither CAP_IPC_LOCK nor CAP_SYS_RESOURCE.
 */
import { type Iova, U64_MAX } from "../address.ts";
import { HWPT_DIRTY_TRACKING, HWPT_PASID } from "../device-commands.ts";
import { IoasisError } from "../failure.ts";
import type { HostDevice } from "../host/host-profile.ts";
import { type DriverPolicy, driverPolicy } from "../policy/driver-policy.ts";
import { policyRules } from "../policy/policy-rules.ts";
import type { DeviceTraits } from "../profile/environment.ts";
import { kernelProfile } from "../profile/kernel-profile.ts";
import { UserMemory } from "../profile/user-memory.ts";
import { intersection, merged, type Range } from "../range.ts";
import type { SpaprEnvironment } from "../spapr/environment.ts";
import { MACHINES, type PeTraits, peTraits, platformOf } from "../spapr/platform.ts";
import { type GroupTraits, PAGE_BYTES, type Type1Environment } from "../type1/environment.ts";
import type { IommufdMachine } from "./iommufd-model.ts";
import { devicesOf, mappingsMaxOf, memlockOf, type Setup, told } from "./setup.ts";

const ALL_MEMORY = UserMemory.of(0n, U64_MAX + 1n);
const NO_MEMORY = UserMemory.of(0n, 0n);
/** HPAGE_SIZE of x86-64 and of arm64 with 4 KiB pages. */
const HUGE_PAGE_BYTES = 0x20_0000n;
/** PAGE_SIZE of the POWER kernels that distributions build. */
const POWER_PAGE_BYTES = 0x1_0000;
/** A PHB like QEMU's and the firmware's own, but for what its host tells. */
const PHB_CLASS = 2;

export function iommufdMachine(setup: Setup): IommufdMachine {
  const devices = devicesOf(setup);
  return {
    profile: kernelProfile(setup.kernel ?? ""),
    devices,
    rules: setup.policy === null ? null : policyRules({ ...setup, policy: setup.policy }),
    environment: {
      pageSize: PAGE_BYTES,
      hugePageSize: HUGE_PAGE_BYTES,
      memory: ALL_MEMORY,
      memlockBytes: memlockOf(setup),
      canLockMemory: false,
      lockedUpTo: 0,
      canSetLimits: false,
      devices: new Map([...devices].map(([bdf, device]) => [bdf, deviceTraits(device)])),
      pins: new Map(),
      pinsMade: new Map(),
      files: new Map(),
      dirty: new Map(),
      deviceFiles: new Map([...devices.keys()].map((bdf) => [bdf, bdf])),
    },
  };
}

/** Devices come by their groups. @throws IoasisError ERR_INPUT: a group that is not told */
export function compatMachine(setup: Setup): IommufdMachine {
  const machine = iommufdMachine(setup);
  if (machine.devices.size === 0)
    throw new IoasisError("ERR_INPUT", `profile ${setup.profile} needs a host: a container has groups (--host FILE)`);
  for (const device of machine.devices.values()) told(device, "group");
  return machine;
}

function deviceTraits(device: HostDevice): DeviceTraits {
  const pageSizes = told(device, "pageSizes");
  const canTrackDirty = device.dirtyTracking === true;
  const pasids = device.pasidBits === null || device.pasidBits === 0 ? 0 : 2 ** device.pasidBits;
  return {
    pageSize: pageSizes & -pageSizes,
    aperture: told(device, "aperture"),
    reserved: reservedOf(device),
    refusesWiderTables: true,
    canTrackDirty,
    hwptFlags: (canTrackDirty ? HWPT_DIRTY_TRACKING : 0) | (pasids > 0 ? HWPT_PASID : 0),
    pagingDataType: null,
    nestedDataType: null,
    hwInfo: null,
    mapsLargePages: true,
    pasids,
  };
}

export function type1Machine(setup: Setup): Type1Environment {
  const devices = [...devicesOf(setup).values()];
  if (devices.length === 0)
    throw new IoasisError("ERR_INPUT", `profile ${setup.profile} needs a host: a container has groups (--host FILE)`);
  const widest = devices.map((device) => told(device, "aperture")).reduce((a, b) => (a.last >= b.last ? a : b));
  const pageSizes = devices.reduce((sizes, device) => sizes & told(device, "pageSizes"), U64_MAX);
  if (pageSizes === 0n) throw new IoasisError("ERR_INPUT", "the devices of the hosts have no page size in common");
  const groups = new Map<number, GroupTraits>();
  for (const device of devices) {
    const number = told(device, "group");
    groups.set(number, joined(groups.get(number) ?? null, device, number, widest));
  }
  return {
    iommu: { name: "host", aperture: widest, pageSizes, enforcesCoherency: false },
    groups,
    memory: ALL_MEMORY,
    deviceMemory: NO_MEMORY,
    memlockBytes: memlockOf(setup),
    canLockMemory: false,
    entriesMax: mappingsMaxOf(setup),
    policy: policyOf(setup),
  };
}

function policyOf(setup: Setup): DriverPolicy | null {
  return setup.policy === null ? null : driverPolicy(policyRules({ ...setup, policy: setup.policy }));
}

function joined(group: GroupTraits | null, device: HostDevice, number: number, widest: Range): GroupTraits {
  const own = told(device, "aperture");
  const aperture = group === null ? own : intersection(group.aperture, own);
  if (aperture === null)
    throw new IoasisError("ERR_INPUT", `group ${number}: its devices' apertures have nothing in common`, {
      device: device.bdf,
    });
  return {
    number,
    aperture,
    reserved: merged([...(group?.reserved ?? []), ...reservedOf(device)]),
    refusesWiderDomains: aperture.last < widest.last,
    devices: [...(group?.devices ?? []), device.bdf],
  };
}

/** Direct-relaxable regions bind no driver of user space. */
function reservedOf(device: HostDevice): Range[] {
  return told(device, "reserved")
    .filter(({ type }) => type !== "direct-relaxable")
    .map(({ first, last }) => ({ first: first as Iova, last: last as Iova }));
}

export function spaprMachine(setup: Setup): {
  readonly environment: SpaprEnvironment;
  readonly devices: ReadonlyMap<number, readonly string[]>;
} {
  const machine = MACHINES.find((name) => name === setup.machine);
  if (machine === undefined)
    throw new IoasisError(
      "ERR_INPUT",
      `profile ${setup.profile} needs the host's machine: --host-machine ${MACHINES.join(" or ")}`,
    );
  const pes = new Map<number, PeTraits>();
  const devices = new Map<number, string[]>();
  for (const device of devicesOf(setup).values()) {
    const pe = told(device, "group");
    pes.set(pe, peOf(device, peTraits(machine, PHB_CLASS)));
    devices.set(pe, [...(devices.get(pe) ?? []), device.bdf]);
  }
  if (pes.size === 0)
    throw new IoasisError("ERR_INPUT", `profile ${setup.profile} needs a host: a container has groups (--host FILE)`);
  const any = peTraits(machine, PHB_CLASS);
  return {
    devices,
    environment: {
      platform: platformOf(machine, setup.kernel ?? "", POWER_PAGE_BYTES),
      peOf: (number) => pes.get(number) ?? any,
      memory: ALL_MEMORY,
      hugePages: null,
      memlockBytes: memlockOf(setup),
      canLockMemory: false,
      policy: policyOf(setup),
    },
  };
}

/** The aperture of a PE is its default 32-bit window. */
function peOf(device: HostDevice, row: PeTraits): PeTraits {
  const { first, last } = told(device, "aperture");
  const pageSizes = told(device, "pageSizes");
  return { ...row, dma32Start: first, dma32Size: last - first + 1n, pageSizes, firmwarePageSizes: pageSizes };
}
