import { type GuestLayout, hex, lengthOf, sizeWords } from "@ioasis/core";
import { sizeText } from "@ioasis/history";
import { type Column, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { head: "first", right: true },
  { head: "last", right: true },
  { head: "size", right: true },
  { head: "kind" },
  { head: "name" },
];

/** A layout, for people. */
export function layoutText(layout: GuestLayout): string {
  const { machine, version, memoryBytes, maxMemoryBytes, ranges, reserved, viommu } = layout;
  const more = maxMemoryBytes > memoryBytes ? `, up to ${sizeWords(maxMemoryBytes)}` : "";
  const lines = [
    `${machine}${version === null ? "" : `-${version}`} with ${sizeWords(memoryBytes)}${more}`,
    table(
      COLUMNS,
      ranges.map(({ first, last, kind, name }) => rowOf(first, last, kind, name)),
      "  ",
    ),
  ];
  if (reserved.length > 0)
    lines.push(
      "",
      "not memory, whatever its size:",
      table(
        COLUMNS,
        reserved.map(({ first, last, type, name }) => rowOf(first, last, type, name)),
        "  ",
      ),
    );
  if (viommu !== null)
    lines.push(
      "",
      `vIOMMU ${viommu.kind}: ${viommu.addressBits === null ? "the guest chooses its width" : `${viommu.addressBits} bits`}`,
    );
  return lines.join("\n");
}

function rowOf(first: bigint, last: bigint, kind: string, name: string): readonly string[] {
  return [hex(first), hex(last), sizeText(lengthOf(first, last)), kind, name];
}
