import { lengthOf } from "@ioasis/core";
import { type AtAnswer, type RangeJson, type SpaceJson, sizeText } from "@ioasis/history";
import { areaTable } from "./area-table.ts";
import { deviceTable } from "./device-table.ts";
import { counted, paragraphs } from "./table.ts";
import { momentText } from "./words.ts";

/** The spaces of a context at one version, for people. */
export function atText(answer: AtAnswer): string {
  const { context, version, digest, spaceDigest, spaces, devices, notes } = answer;
  const lines = [
    `${context} at ${momentText(version, answer)}`,
    `  digest        ${digest}`,
    `  space digest  ${spaceDigest}`,
  ];
  for (const space of spaces) lines.push("", ...spaceLines(space));
  if (spaces.length === 0) lines.push("", "no space");
  if (devices.length > 0) lines.push("", counted(devices.length, "attached device"), deviceTable(devices, "  "));
  if (notes.length > 0) lines.push("", "not certain", ...paragraphs(notes, "  "));
  return lines.join("\n");
}

function spaceLines({ ioas, kernelId, alignment, ranges, allowed, areas }: SpaceJson): string[] {
  const bytes = areas.reduce((sum, { iova, last }) => sum + lengthOf(BigInt(iova), BigInt(last)), 0n);
  const lines = [
    `${ioas}${kernelId === null ? "" : ` (kernel id ${kernelId})`}: ${counted(areas.length, "mapping")}, ${sizeText(bytes)}`,
    `  alignment  ${alignment ?? "not told"}`,
    `  usable     ${ranges === null ? "not told" : rangesText(ranges)}`,
  ];
  if (allowed !== null && allowed.length > 0) lines.push(`  allowed    ${rangesText(allowed)}`);
  if (areas.length > 0) lines.push(areaTable(areas, "  "));
  return lines;
}

function rangesText(ranges: readonly RangeJson[]): string {
  return ranges.length === 0 ? "nothing" : ranges.map(([first, last]) => `${first}-${last}`).join(", ");
}
