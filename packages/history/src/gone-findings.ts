/** A fault on an address at which nothing is mapped: was it ever, and what ended it? */
import { eventAt, formatDecimal, hex, sameDevice } from "@ioasis/core";
import { type AreaJson, areaToJson, ioasName } from "./area-json.ts";
import { barrierOf } from "./barrier.ts";
import { type Ending, lastEnding } from "./ending.ts";
import { markOf, type Row, versionOf } from "./event-mark.ts";
import type { Findings, Investigation } from "./explanation.ts";
import { accessText, byWhomAndWhen, rangeText, secondsSince, tooClose } from "./fault-evidence.ts";
import { mappedSoonAfter } from "./soon-after.ts";

export function goneFindings(search: Investigation): Findings {
  const { context, fault, journal, moment, range, suspects } = search;
  const { device } = fault;
  const scope = { range, spaces: suspects.spaces };
  // A device that was attached to an unnamed space sees nothing of what was unmapped before that.
  const ending = lastEnding(
    journal,
    context,
    scope,
    moment.version,
    (event) =>
      event.type === "DeviceAttached" && event.ioas === null && device !== null && sameDevice(event.device, device),
  );
  return ending.ended === null ? neverFindings(search, ending) : endedFindings(search, ending, ending.ended);
}

function endedFindings(search: Investigation, { mapped, gaps }: Ending, ended: Row): Findings {
  const { fault, moment } = search;
  const unmappedAt = markOf(ended);
  const mappedAt = mapped === null ? null : markOf(mapped);
  const gap = secondsSince(ended, moment.reading);
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
  const { fault, state, suspects, range } = search;
  const barrier = barrierOf(search);
  const since = stopped === null ? null : markOf(stopped);
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
  const isOpen = state.liveSpaces.some(
    (space) =>
      !space.isWhole &&
      (suspects.spaces === null || suspects.spaces.has(space.handle)) &&
      !space.known.covers(range.first, range.last),
  );
  if (isOpen || state.liveSpaces.length === 0)
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

function areaOf(mapped: Row | null): { area: AreaJson | null; text: string } {
  const event = mapped === null ? null : eventAt(mapped.batch, mapped.row);
  if (mapped === null || event?.type !== "IovaMapped") return { area: null, text: "" };
  const { ioas, iova, last, prot, source } = event;
  const area = areaToJson({ iova, last, prot, source, version: versionOf(mapped) }, ioas);
  return { area, text: rangeText(iova, last) };
}

function endText(ended: Row): string {
  const event = eventAt(ended.batch, ended.row);
  if (event.type === "IoasDestroyed") return `unmapped with the whole of ${ioasName(event.ioas)}`;
  if (event.type === "WindowRemoved") return `unmapped with its window ${hex(event.iova)}-${hex(event.last)}`;
  return "unmapped";
}
