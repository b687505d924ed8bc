import { stampToJson, type Violation } from "@ioasis/core";
import { actorText, momentText } from "./words.ts";

/** `no-msi: guest, version 3, 4.878076 s (trace), qemu-123: 0xfee00000-... was mapped ...`. */
export function violationLine({ rule, context, recorded, detail }: Violation): string {
  const actor = actorText(recorded.actor);
  const moment = momentText(recorded.version, stampToJson(recorded.stamp));
  return `${rule}: ${context}, ${moment}${actor === "" ? "" : `, ${actor}`}: ${detail}`;
}
