/** A fault on an address at which nothing is mapped: was it ever, and what ended it? */
import { formatDecimal, hex, sameDevice } from "@ioasis/core";
import { type AreaJson, areaToJson, ioasName } from "./area-json.ts";
import { barrierOf } from "./barrier.ts";
import { type Ending, lastEnding } from "./ending.ts";
import { markAt } from "./event-mark.ts";
import type { Findings, Investigation } from "./explanation.ts";
import { accessText, byWhomAndWhen, rangeText, secondsSince, tooClose } from "./fault-evidence.ts";
import type { HotSighting, Sighting } from "./sighting.ts";
import { mappedSoonAfter } from "./soon-after.ts";
import { isOpen } from "./who.ts";

export function goneFindings(search: Investigation): Findings {
  const { index, fault, moment, range, suspects } = search;
  const { device } = fault;
  const scope = { range, spaces: suspects.spaces };
  // A device that was attached to an unnamed space sees nothing of what was unmapped before that.
  const ending = lastEnding(
    index,
    scope,
    moment.version,
    (event) =>
      event.type === "DeviceAttached" && event.ioas === null && device !== null && sameDevice(event.device, device),
  );
  return ending.ended === null ? neverFindings(search, ending) : endedFindings(search, ending, ending.ended);
}

function endedFindings(search: Investigation, { mapped, gaps }: Ending, ended: Sighting): Findings {
  const { index, fault, moment } = search;
  const unmappedAt = markAt(index, ended.version);
  const mappedAt = mapped === null ? null : markAt(index, mapped.version);
  const gap = secondsSince(index, ended.version, moment.reading);
  const { area, text } = areaOf(mapped);
  const evidence = [
    mappedAt === null
      ? "Its map is not in the record: it was made before the recording began, or lost."
      : `${text} was mapped ${byWhomAndWhen(mappedAt)}.`,
    `It was ${endText(ended)} ${byWhomAndWhen(unmappedAt)}.`,
    `Then ${accessText(fault)}${gap === null ? "" : `, ${formatDecimal(gap)} s after that`}.`,
  ];
  const lost =
    gaps === 0
      ? []
      : [
          `The recorder lost events ${gaps === 1 ? "once" : `${gaps} times`} since that map: it may have been mapped again unseen.`,
        ];
  return {
    verdict: "use-after-unmap",
    area,
    mappedAt,
    unmappedAt,
    gapSeconds: gap === null ? null : Number(formatDecimal(gap)),
    by: unmappedAt.actor,
    evidence,
    uncertainty: [...lost, ...tooClose("The unmap", gap, moment), ...mappedSoonAfter(search)],
  };
}

function neverFindings(search: Investigation, { stopped, gaps }: Ending): Findings {
  const { index, fault, moment, state, suspects, range } = search;
  const barrier = barrierOf(search);
  const since = stopped === null ? null : markAt(index, stopped.version);
  const span =
    since === null
      ? "No map of the address is in the record up to the fault"
      : `No map of the address came after the device was attached ${byWhomAndWhen(since)}`;
  const evidence = [`${span}; ${accessText(fault)}.`];
  if (barrier !== null) evidence.unshift(barrier.text);
  const uncertainty: string[] = [];
  if (since !== null)
    uncertainty.push(
      `What happened to the address before version ${since.version} was taken to belong to another space.`,
    );
  if (gaps > 0)
    uncertainty.push(
      `The recorder lost events ${gaps === 1 ? "once" : `${gaps} times`} in that time: a map may be missing.`,
    );
  const isUnspoken = isOpen(index, state, range, suspects.spaces, moment.version);
  if (isUnspoken || state.liveSpaces.length === 0)
    uncertainty.push("A map made before the recording began, or in a gap of it, would not show.");
  return {
    verdict: barrier?.verdict ?? "never-mapped",
    area: null,
    mappedAt: null,
    unmappedAt: null,
    gapSeconds: null,
    by: null,
    evidence,
    uncertainty: [...uncertainty, ...mappedSoonAfter(search)],
  };
}

function areaOf(mapped: HotSighting | null): { area: AreaJson | null; text: string } {
  const area = mapped?.area?.() ?? null;
  if (mapped === null || area === null) return { area: null, text: "" };
  return { area: areaToJson(area, mapped.ioas as number), text: rangeText(area.iova, area.last) };
}

function endText(ended: Sighting): string {
  if (!("record" in ended)) return "unmapped";
  const event = ended.record;
  if (event.type === "IoasDestroyed") return `unmapped with the whole of ${ioasName(event.ioas)}`;
  if (event.type === "WindowRemoved") return `unmapped with its window ${hex(event.iova)}-${hex(event.last)}`;
  return "unmapped";
}
