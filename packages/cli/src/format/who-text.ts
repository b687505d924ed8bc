import type { AreaJson, OwnedArea, WhoAnswer } from "@ioasis/history";
import { deviceTable } from "./device-table.ts";
import { counted, paragraphs } from "./table.ts";
import { markText, momentText, rangeSize, rangeText, sourceText } from "./words.ts";

/** What is mapped at an address, for people. */
export function whoText(answer: WhoAnswer): string {
  const { context, version, iova, last, mapped, areas, lastUnmappedBy, devices, neighbours, notes } = answer;
  const asked = `${rangeText(iova, last)} in ${context} at ${momentText(version, answer)}`;
  const lines = [mapped ? `mapped: ${asked}` : `not mapped: ${asked}`];
  for (const area of areas) lines.push(...areaLines(area));
  if (lastUnmappedBy !== null) {
    const { type, mappedBy } = lastUnmappedBy;
    const range = `${rangeText(lastUnmappedBy.iova, lastUnmappedBy.last)}`;
    lines.push(
      `  last unmapped by ${markText(lastUnmappedBy)}${type === "IovaUnmapped" ? ` (${range})` : ` (${type})`}`,
    );
    lines.push(
      `    mapped before ${mappedBy === null ? "by nobody that the record shows" : `by ${markText(mappedBy)}`}`,
    );
  }
  lines.push(`  below ${neighbourText(neighbours.below)}`, `  above ${neighbourText(neighbours.above)}`);
  if (devices.length > 0) lines.push(`  ${counted(devices.length, "attached device")}`, deviceTable(devices, "    "));
  if (notes.length > 0) lines.push("  not certain", ...paragraphs(notes, "    "));
  return lines.join("\n");
}

function areaLines({ ioas, iova, last, prot, source, mappedBy }: OwnedArea): string[] {
  return [
    `  ${ioas} ${rangeText(iova, last)} (${rangeSize(iova, last)}), rights ${prot}, ${sourceText(source)}`,
    `    mapped by ${markText(mappedBy)}`,
  ];
}

function neighbourText(area: AreaJson | null): string {
  if (area === null) return "nothing is mapped";
  const { ioas, iova, last, version } = area;
  return `${ioas} ${rangeText(iova, last)} (${rangeSize(iova, last)}), version ${version}`;
}
