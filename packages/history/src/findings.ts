/** From the record around a fault's address to a verdict. */
import { type Area, type IoasHandle, sameDevice } from "@ioasis/core";
import { areaToJson, ioasName } from "./area-json.ts";
import { markAt } from "./event-mark.ts";
import type { Findings, Investigation } from "./explanation.ts";
import { hardwareSays, isPageMasked } from "./fault.ts";
import { accessText, byWhomAndWhen, rangeText, secondsSince, tooClose } from "./fault-evidence.ts";
import { goneFindings } from "./gone-findings.ts";
import { endedSoonAfter } from "./soon-after.ts";
import { lastLandmark } from "./touching.ts";
import { areasTouching } from "./who.ts";

/**
 * The hardware's word that nothing translates for the device comes first, then what is mapped, then
 * what was; last what kept the address from ever being mapped.
 */
export function findingsOf(search: Investigation): Findings {
  const { fault, index, moment, state, suspects, range } = search;
  const [found, second] = areasTouching(index, state, range, suspects.spaces, moment.version);
  const byRecord = found === undefined ? goneFindings(search) : mappedFindings(search, found.area, found.ioas);
  const several =
    found !== undefined && second !== undefined && second.ioas !== found.ioas
      ? [`The address is mapped in ${ioasName(second.ioas)} too.`]
      : [];
  const findings = { ...byRecord, uncertainty: [...several, ...byRecord.uncertainty] };
  const { detached } = suspects;
  if (detached !== null) {
    const said = `The record shows the device's detachment ${byWhomAndWhen(detached)} and no attachment since.`;
    return { ...findings, verdict: "not-attached", evidence: [said, ...findings.evidence] };
  }
  if (hardwareSays(fault) !== "not-attached") return findings;
  const said = "The IOMMU found no address space for the device: whatever is mapped, it was not attached then.";
  return { ...findings, verdict: "not-attached", evidence: [said, ...findings.evidence] };
}

/** Something is mapped there: either its rights forbid the access, or the mapping is not the trouble. */
function mappedFindings(search: Investigation, area: Area, ioas: IoasHandle): Findings {
  const { index, fault, moment, range } = search;
  const mappedAt = markAt(index, area.version);
  const age = secondsSince(index, area.version, moment.reading);
  const isForbidden = (fault.access === "write" && area.prot === "r") || (fault.access === "read" && area.prot === "w");
  const evidence = [
    `${rangeText(area.iova, area.last)} was mapped in ${ioasName(ioas)} ${byWhomAndWhen(mappedAt)} and still was when ${accessText(fault)}.`,
  ];
  if (isForbidden) evidence.push(`Its rights are "${area.prot}": a ${fault.access} is refused.`);
  else if (area.prot === "unknown") evidence.push(unknownRights(search));
  else
    evidence.push(
      `Its rights are "${area.prot}", which allow ${fault.access === "unknown" ? "what they name" : `a ${fault.access}`}.`,
    );
  const uncertainty = tooClose("The map", age, moment);
  const partial = area.iova > range.first || area.last < range.last;
  if (isPageMasked(fault) && partial)
    uncertainty.push(
      `The fault tells the page only, and not all of it is mapped (${rangeText(area.iova, area.last)}).`,
    );
  if (search.state.gaps > 0) uncertainty.push("The recorder lost events before the fault: an unmap may be missing.");
  uncertainty.push(...attachedAfter(search, area.version), ...endedSoonAfter(search));
  return {
    verdict: isForbidden ? "permission" : "mapped",
    area: areaToJson(area, ioas),
    mappedAt,
    unmappedAt: null,
    gapSeconds: null,
    by: mappedAt.actor,
    evidence,
    uncertainty,
  };
}

function unknownRights({ fault }: Investigation): string {
  const reason = fault.reason === "" ? "" : `; the fault's reason is "${fault.reason}"`;
  const kind = fault.access === "write" ? "read-only" : fault.access === "read" ? "write-only" : "restricted";
  return `The rights of the mapping are unknown${reason}: a ${kind} mapping would explain the fault.`;
}

/** A mapping older than the device's newest attachment to an unnamed space may be another space's. */
function attachedAfter({ fault, index, moment, suspects }: Investigation, mapped: number): string[] {
  const { device } = fault;
  if (device === null || suspects.spaces !== null) return [];
  const attached = lastLandmark(
    index,
    moment.version,
    (event) => event.type === "DeviceAttached" && sameDevice(event.device, device),
  );
  if (attached === null || attached.version < mapped) return [];
  return [
    `The device was attached ${byWhomAndWhen(markAt(index, attached.version))}, after that map: the map may belong to the space it left.`,
  ];
}
