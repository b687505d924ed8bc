/** Names and versions of QEMU's machine types. */
import { IoasisError } from "../failure.ts";

export const MACHINE_NAMES = ["q35", "pc", "virt", "pseries", "riscv-virt"] as const;
export type MachineName = (typeof MACHINE_NAMES)[number];

export interface MachineType {
  readonly machine: MachineName;
  /** `"9.2"`; null: the machine has no versions. */
  readonly version: string | null;
  /** The name had no version: QEMU takes the newest type that it knows, and so does this. */
  readonly isAlias: boolean;
}

/** Every version since the first of each machine that QEMU 8 still had, up to 11.1. */
const RELEASES = [
  ...minors(2, 4, 12),
  "3.0",
  "3.1",
  "4.0",
  "4.0.1",
  "4.1",
  "4.2",
  ...[5, 6, 7, 8, 9, 10].flatMap((major) => minors(major, 0, 2)),
  "11.0",
  "11.1",
];

/** The first version of each (DEFINE_Q35_MACHINE, DEFINE_I440FX_MACHINE, DEFINE_VIRT_MACHINE, DEFINE_SPAPR_MACHINE). */
const FIRST: Readonly<Record<Exclude<MachineName, "riscv-virt">, string>> = {
  q35: "2.4",
  pc: "2.4",
  virt: "2.6",
  pseries: "2.4",
};

/** QEMU's own names of them. */
const PREFIXES: readonly (readonly [string, MachineName])[] = [
  ["pc-q35", "q35"],
  ["pc-i440fx", "pc"],
  ["riscv-virt", "riscv-virt"],
  ["q35", "q35"],
  ["pc", "pc"],
  ["virt", "virt"],
  ["pseries", "pseries"],
];

/** @throws IoasisError ERR_USAGE for a machine or version that there is none of */
export function machineType(name: string): MachineType {
  const found = PREFIXES.find(([prefix]) => name === prefix || name.startsWith(`${prefix}-`));
  if (found === undefined)
    throw new IoasisError(
      "ERR_USAGE",
      `machine "${name}": not one of ${MACHINE_NAMES.join(", ")}, with -VERSION or not`,
      {
        machine: name,
      },
    );
  const [prefix, machine] = found;
  const version = name === prefix ? null : name.slice(prefix.length + 1);
  if (machine === "riscv-virt") {
    if (version === null) return { machine, version, isAlias: false };
    throw new IoasisError("ERR_USAGE", `machine "${name}": QEMU's riscv virt has no versions: say riscv-virt`, {
      machine: name,
    });
  }
  const versions = versionsOf(machine);
  if (version === null) return { machine, version: versions.at(-1) as string, isAlias: true };
  if (versions.includes(version)) return { machine, version, isAlias: false };
  throw new IoasisError(
    "ERR_USAGE",
    `machine "${name}": ${machine} has no version "${version}": it has ${versions[0]} ... ${versions.at(-1)} (${versions.join(", ")})`,
    { machine: name },
  );
}

export function versionsOf(machine: Exclude<MachineName, "riscv-virt">): readonly string[] {
  return RELEASES.filter((version) => isSince(version, FIRST[machine]) && (version !== "4.0.1" || machine === "q35"));
}

/** Whether machine type `version` is `first` or newer. */
export function isSince(version: string, first: string): boolean {
  return versionNumber(version) >= versionNumber(first);
}

/** 4.0.1 is 4000001. */
function versionNumber(version: string): number {
  const [major, minor, patch] = version.split(".").map(Number);
  return (major ?? 0) * 1_000_000 + (minor ?? 0) * 1_000 + (patch ?? 0);
}

function minors(major: number, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `${major}.${first + i}`);
}
