import type { DiffAnswer } from "@ioasis/history";
import { markedAreaTable } from "./area-table.ts";
import { deviceTable } from "./device-table.ts";
import { counted } from "./table.ts";
import { momentText } from "./words.ts";

/** What two versions differ in, for people. */
export function diffText(answer: DiffAnswer): string {
  const { context, fromEvent, toEvent, added, removed, changed, remapped, devices } = answer;
  const lines = [
    `${context}: from ${momentText(answer.from, fromEvent)} to ${momentText(answer.to, toEvent)}`,
    answer.equal
      ? "the same is mapped and attached"
      : `${counted(added.length, "mapping")} added, ${removed.length.toLocaleString("en")} removed, ${changed.length.toLocaleString("en")} changed`,
  ];
  if (remapped > 0) lines.push(`${counted(remapped, "mapping")} unmapped and mapped again as before`);
  const section = (head: string, body: string, count: number): void => {
    if (count > 0) lines.push("", head, body);
  };
  section("added", markedAreaTable(added, "  ", "+ "), added.length);
  section("removed", markedAreaTable(removed, "  ", "- "), removed.length);
  const pairs = changed.flatMap(({ before, after }) => [before, after]);
  section("changed (before, after)", markedAreaTable(pairs, "  ", "~ "), pairs.length);
  section("attached", deviceTable(devices.added, "  ", "+ "), devices.added.length);
  section("detached", deviceTable(devices.removed, "  ", "- "), devices.removed.length);
  return lines.join("\n");
}
