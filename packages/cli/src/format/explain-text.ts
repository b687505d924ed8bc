import type { Explanation, FaultJson, Verdict } from "@ioasis/history";
import { paragraphs } from "./table.ts";
import { markText, rangeSize, rangeText, sourceText, timeText } from "./words.ts";

const MEANING: Readonly<Record<Verdict, string>> = {
  "use-after-unmap": "the device used an address after its mapping was taken away",
  "never-mapped": "nothing was mapped at this address that the device could use",
  permission: "the mapping does not allow this access",
  "not-attached": "the device was attached to no address space",
  reserved: "the address is reserved, nothing can be mapped there",
  "beyond-aperture": "the address is beyond what the IOMMU translates",
  mapped: "the address was mapped: look at the mapping's rights, at the device or at the clocks",
};

/** One fault and its verdict, for people. Only the first line begins at the margin. */
export function explainText(explanation: Explanation): string {
  const { context, version, fault, verdict, area, mappedAt, unmappedAt, gapSeconds, evidence, uncertainty } =
    explanation;
  const row = (head: string, text: string): string => `  ${head.padEnd(9)} ${text}`;
  const lines = [
    faultText(fault),
    row("verdict", verdict === null ? "none: the fault names no address" : `${verdict}: ${MEANING[verdict]}`),
    row("looked at", `${context}, version ${version}`),
  ];
  if (area !== null)
    lines.push(
      row(
        "mapping",
        `${area.ioas} ${rangeText(area.iova, area.last)} (${rangeSize(area.iova, area.last)}), rights ${area.prot}, ${sourceText(area.source)}`,
      ),
    );
  if (mappedAt !== null) lines.push(row("mapped", `by ${markText(mappedAt)}`));
  if (unmappedAt !== null) lines.push(row("unmapped", `by ${markText(unmappedAt)}`));
  if (gapSeconds !== null) lines.push(row("gap", `${decimalText(gapSeconds)} s from the unmap to the fault`));
  lines.push("  evidence", ...paragraphs(evidence, "    "));
  if (uncertainty.length > 0) lines.push("  not certain", ...paragraphs(uncertainty, "    "));
  return lines.join("\n");
}

function faultText(fault: FaultJson): string {
  const { format, device, pasid, iova, access } = fault;
  const who = `${device === null ? "a device" : `device ${device}`}${pasid === null ? "" : ` PASID ${pasid}`}`;
  const verb = access === "write" ? "wrote to" : access === "read" ? "read from" : "accessed";
  const when = fault.clock === null ? "" : ` at ${timeText(fault)} (${fault.clock.name})`;
  return `fault: ${who} ${verb} ${iova ?? "an address that is not told"}${when}, reported by ${format}`;
}

/** Without an exponent, which JavaScript writes below a microsecond. */
function decimalText(seconds: number): string {
  return Math.abs(seconds) < 1e-6 && seconds !== 0 ? seconds.toFixed(9) : String(seconds);
}
