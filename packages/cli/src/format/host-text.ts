import { type HostDevice, type HostProfile, hex } from "@ioasis/core";
import { type Column, counted, paragraphs, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { head: "device" },
  { head: "group", right: true },
  { head: "translates" },
  { head: "smallest page", right: true },
  { head: "pasid bits", right: true },
  { head: "dirty tracking" },
  { head: "reserved" },
];

/** A host profile, for people. */
export function hostText({ host, devices, limits, unknown }: HostProfile): string {
  const { memlockBytes, mappingsMax } = limits;
  const lines = [
    `${host}: ${counted(devices.length, "device")}`,
    table(COLUMNS, devices.map(cells), "  "),
    "",
    `  locked memory  ${memlockBytes === null ? "not told" : memlockBytes === "unlimited" ? memlockBytes : hex(memlockBytes)}`,
    `  mappings       ${mappingsMax ?? "not told"}`,
  ];
  if (unknown.length > 0) lines.push("", "not told", ...paragraphs(unknown, "  "));
  return lines.join("\n");
}

function cells({ bdf, group, reserved, aperture, pageSizes, pasidBits, dirtyTracking }: HostDevice): readonly string[] {
  return [
    bdf,
    group === null ? "?" : String(group),
    aperture === null ? "?" : `${hex(aperture.first)}-${hex(aperture.last)}`,
    pageSizes === null ? "?" : hex(pageSizes & -pageSizes),
    pasidBits === null ? "?" : String(pasidBits),
    dirtyTracking === null ? "?" : dirtyTracking ? "yes" : "no",
    reserved === null ? "?" : reserved.map(({ first, last, type }) => `${hex(first)}-${hex(last)} ${type}`).join(", "),
  ];
}
