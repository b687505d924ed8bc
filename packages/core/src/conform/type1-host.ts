/** The machine of a type1 recording, from its meta line: the IOMMU by name, groups, reserved regions, the override. */
import { type Iova, U64_MAX } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { merged, type Range } from "../range.ts";
import type { GroupNumber, GroupTraits, IommuTraits } from "../type1/environment.ts";
import type { Fields } from "./fields.ts";

/** What QEMU's IOMMUs offer to type1. Reserved regions are the recording's own. */
const IOMMUS: readonly IommuTraits[] = [
  iommu("intel48", 2n ** 48n - 1n, 0x4020_1000n, false),
  iommu("intel39", 2n ** 39n - 1n, 0x4020_1000n, false),
  iommu("amd", U64_MAX, 0xf_ff7f_ffff_f000n, true),
  iommu("viommu", 2n ** 39n - 1n, 0xffff_ffff_ffff_f000n, false),
  iommu("viommu64", U64_MAX, 0xffff_ffff_ffff_f000n, false),
];

function iommu(name: string, last: bigint, pageSizes: bigint, enforcesCoherency: boolean): IommuTraits {
  return { name, aperture: range(0n, last), pageSizes, enforcesCoherency };
}

/** @throws IoasisError ERR_INPUT: an IOMMU without a model */
export function type1Iommu(meta: Fields): IommuTraits {
  const name = meta.text("iommu");
  const known = IOMMUS.find((traits) => traits.name === name);
  if (known !== undefined) return known;
  const names = IOMMUS.map((traits) => traits.name).join(", ");
  throw new IoasisError("ERR_INPUT", `no model of IOMMU "${name}": the meta line must name one of ${names}`, {
    line: 1,
  });
}

/** The groups, and which of them a device (by the recording's name of it) is in. */
export function type1Groups(meta: Fields, behind: IommuTraits) {
  const groups = new Map<GroupNumber, GroupTraits>();
  const numbers = new Map<string, GroupNumber>();
  const override = overrideOf(meta);
  for (const device of meta.records("devices")) {
    const number = device.number("group");
    const bdf = device.text("bdf");
    const own = override?.bdf === bdf ? override : null;
    const before = groups.get(number);
    numbers.set(device.text("dev"), number);
    groups.set(number, {
      number,
      aperture: own?.aperture ?? before?.aperture ?? behind.aperture,
      reserved: merged([...(before?.reserved ?? []), ...reservedOf(device)]),
      refusesWiderDomains: own?.refusesWiderDomains ?? before?.refusesWiderDomains ?? false,
      devices: [...(before?.devices ?? []), bdf],
    });
  }
  return { groups, numbers };
}

/** Direct-relaxable regions do not bind the driver. */
function reservedOf(device: Fields): Range[] {
  return device
    .rows("reserved")
    .filter(([, , kind]) => kind !== "direct-relaxable")
    .map(([first, last]) => range(number64(first), number64(last)));
}

interface Override {
  readonly bdf: string;
  /** Null: as the IOMMU's. */
  readonly aperture: Range | null;
  readonly refusesWiderDomains: boolean;
}

/** `BDF,aperture_start,aperture_last,resv_start,resv_last,own`; the reserved region is among the device's own. */
function overrideOf(meta: Fields): Override | null {
  const text = meta.has("override") ? meta.text("override") : "";
  if (text === "") return null;
  const [bdf, first, last, , , own] = text.split(",");
  const aperture = range(number64(first), number64(last));
  return {
    bdf: bdf ?? "",
    aperture: aperture.last === 0n ? null : aperture,
    refusesWiderDomains: number64(own) !== 0n,
  };
}

function number64(text: string | undefined): bigint {
  if (text !== undefined && /^(0x[0-9a-f]{1,16}|[0-9]{1,19})$/i.test(text)) return BigInt(text);
  throw new IoasisError("ERR_INPUT", `the meta line: "${text ?? ""}" must be a number ("0x...")`, { line: 1 });
}

function range(first: bigint, last: bigint): Range {
  return { first: first as Iova, last: last as Iova };
}
