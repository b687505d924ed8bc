/** A copy of /sys to a host profile. */
import { IoasisError } from "../failure.ts";
import { checkHost, type HostDevice, type HostProfile } from "./host-profile.ts";
import { amdTraits, type IommuTraits, intelTraits, UNTOLD } from "./iommu-registers.ts";
import { parseReservedRegions } from "./reserved-regions.ts";

/** Paths below /sys to contents; a symbolic link to its target, a directory's entries by their own paths. */
export type SysfsFiles = ReadonlyMap<string, string>;

const GROUPS = "kernel/iommu_groups/";
const MEMBER = /^kernel\/iommu_groups\/(\d+)\/devices\/([^/]+)$/;
const ENTRY_LIMIT = "module/vfio_iommu_type1/parameters/dma_entry_limit";

/** Why each is null where it is. */
const REASONS: Readonly<Record<keyof IommuTraits | "reserved", string>> = {
  reserved: "its group has no reserved_regions file (Linux 4.11 and later have one)",
  aperture: "/sys does not tell the width of its IOMMU's tables",
  pageSizes: "/sys does not tell the page sizes of its IOMMU's tables",
  pasidBits: "the device's own PASID capability decides, and /sys does not tell it",
  dirtyTracking: "the kernel's options decide, or /sys does not tell it",
};

/**
 * @param host the name to give it: /sys has none
 * @throws IoasisError ERR_INPUT where no device is behind an IOMMU, or a file is not what the kernel prints
 */
export function hostOfSysfs(host: string, files: SysfsFiles): HostProfile {
  const iommus = iommusOf(files);
  const devices = [...files.keys()]
    .flatMap((path) => {
      const [, group, bdf] = MEMBER.exec(path) ?? [];
      return group === undefined || bdf === undefined ? [] : [deviceOf(files, iommus, Number(group), bdf)];
    })
    .sort((a, b) => (a.bdf < b.bdf ? -1 : 1));
  if (devices.length === 0)
    throw new IoasisError(
      "ERR_INPUT",
      `host ${host}: no device is behind an IOMMU (${GROUPS} is empty): switch the IOMMU on in the firmware and the kernel (intel_iommu=on), or copy /sys/kernel/iommu_groups whole`,
      { host },
    );
  const mappingsMax = countOf(files, ENTRY_LIMIT);
  const profile: HostProfile = {
    host,
    devices,
    limits: { memlockBytes: null, mappingsMax },
    unknown: [...unknownOf(devices), ...unknownLimits(mappingsMax)],
  };
  checkHost(profile);
  return profile;
}

function deviceOf(files: SysfsFiles, iommus: ReadonlyMap<string, IommuTraits>, group: number, bdf: string): HostDevice {
  const path = `${GROUPS}${group}/reserved_regions`;
  const text = files.get(path);
  const iommu = iommuOf(files, iommus, bdf);
  return {
    bdf,
    group,
    reserved: text === undefined ? null : parseReservedRegions(text, path),
    ...(iommus.get(iommu ?? "") ?? UNTOLD),
  };
}

/** By name (dmar0, ivhd0): what the driver shows of its registers. */
function iommusOf(files: SysfsFiles): Map<string, IommuTraits> {
  const result = new Map<string, IommuTraits>();
  for (const path of files.keys()) {
    const name = /^class\/iommu\/([^/]+)(\/|$)/.exec(path)?.[1];
    if (name === undefined || result.has(name)) continue;
    const cap = register(files, `class/iommu/${name}/intel-iommu/cap`);
    const ecap = register(files, `class/iommu/${name}/intel-iommu/ecap`);
    const features = register(files, `class/iommu/${name}/amd-iommu/features`);
    if (cap !== null && ecap !== null) result.set(name, intelTraits(cap, ecap));
    else result.set(name, features === null ? UNTOLD : amdTraits(features));
  }
  return result;
}

/** The IOMMU of a device: by its link, by the IOMMU's list, or because there is only one. */
function iommuOf(files: SysfsFiles, iommus: ReadonlyMap<string, IommuTraits>, bdf: string): string | null {
  const link = files.get(`bus/pci/devices/${bdf}/iommu`)?.trim().split("/").at(-1);
  if (link !== undefined && iommus.has(link)) return link;
  const names = [...iommus.keys()];
  return (
    names.find((name) => files.has(`class/iommu/${name}/devices/${bdf}`)) ??
    (names.length === 1 ? (names[0] ?? null) : null)
  );
}

/** A register in hexadecimal, the first where a driver prints two (`efr:efr2`). */
function register(files: SysfsFiles, path: string): bigint | null {
  const text = files.get(path)?.trim();
  if (text === undefined) return null;
  const match = /^(?:0x)?([0-9a-f]{1,16})(?::[0-9a-f]{1,16})?$/i.exec(text);
  if (match !== null) return BigInt(`0x${match[1]}`);
  throw new IoasisError(
    "ERR_INPUT",
    `${path}: "${text.slice(0, 40)}" is not a register: copy it as the kernel prints it`,
    {
      file: path,
    },
  );
}

function countOf(files: SysfsFiles, path: string): number | null {
  const text = files.get(path)?.trim();
  if (text === undefined) return null;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new IoasisError(
    "ERR_INPUT",
    `${path}: "${text.slice(0, 40)}" is not a number: copy it as the kernel prints it`,
    {
      file: path,
    },
  );
}

function unknownOf(devices: readonly HostDevice[]): string[] {
  return Object.entries(REASONS).flatMap(([field, reason]) => {
    const without = devices.filter((device) => device[field as keyof typeof REASONS] === null).map(({ bdf }) => bdf);
    if (without.length === 0) return [];
    const names = without.length === devices.length ? "every device" : without.join(", ");
    return [`${field} of ${names}: ${reason}`];
  });
}

function unknownLimits(mappingsMax: number | null): string[] {
  const memlock =
    "limits.memlockBytes: it is a limit of the VMM's process, not of the host (ulimit -l, systemd's LimitMEMLOCK)";
  if (mappingsMax !== null) return [memlock];
  return [
    memlock,
    'limits.mappingsMax: vfio_iommu_type1 is not loaded (its dma_entry_limit is not there); with iommufd write "unlimited"',
  ];
}
