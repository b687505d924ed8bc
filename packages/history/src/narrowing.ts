/** `--ioas` and `--device`: which spaces an answer is about. */
import { type Attachment, type ContextState, type IoasHandle, IoasisError, sameDevice } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { ioasName } from "./area-json.ts";
import { indexOf } from "./context-index.ts";
import { chaptersOf } from "./touching.ts";

export interface Narrowing {
  /** `ioas0` */
  readonly ioas?: string | undefined;
  /** As its source names it; a PCI address may be given without its domain. */
  readonly device?: string | undefined;
}

/**
 * Handles of the spaces meant, null for all. A device that is attached to a space that its source
 * does not name narrows nothing.
 * @throws IoasisError ERR_USAGE for a space or device that the state does not know
 */
export function spacesOf(state: ContextState, { ioas, device }: Narrowing): ReadonlySet<IoasHandle> | null {
  const attachments = device === undefined ? null : [...state.attachments.values()];
  return narrowed(state, ioas, device, attachments);
}

/** As `spacesOf`, over the whole history: every space that the device ever was attached to. */
export function spacesEver(journal: Journal, context: string, narrowing: Narrowing): ReadonlySet<IoasHandle> | null {
  const { ioas, device } = narrowing;
  if (ioas === undefined && device === undefined) return null;
  const index = indexOf(journal, context);
  const attachments: Attachment[] = [];
  if (device !== undefined)
    for (const { records } of chaptersOf(index))
      for (const { event } of records.landmarks) if (event.type === "DeviceAttached") attachments.push(event);
  return narrowed(index.recordsAt(index.head), ioas, device, device === undefined ? null : attachments);
}

function narrowed(
  state: ContextState,
  ioas: string | undefined,
  device: string | undefined,
  attachments: readonly Attachment[] | null,
): ReadonlySet<IoasHandle> | null {
  const chosen = ioas === undefined ? null : parseIoas(state, ioas);
  if (attachments === null || device === undefined) return chosen === null ? null : new Set([chosen]);
  const own = attachments.filter((attachment) => sameDevice(attachment.device, device));
  if (own.length === 0) {
    const known = [...new Set(attachments.map((attachment) => attachment.device))];
    const which = known.length === 0 ? "the record attaches no device" : `attached are ${known.join(", ")}`;
    throw new IoasisError("ERR_USAGE", `--device ${device}: not attached to any space; ${which}`, { device });
  }
  if (own.some((attachment) => attachment.ioas === null)) return chosen === null ? null : new Set([chosen]);
  const spaces = new Set(own.map((attachment) => attachment.ioas as IoasHandle));
  if (chosen === null) return spaces;
  if (spaces.has(chosen)) return new Set([chosen]);
  const where = [...spaces].map(ioasName).join(", ");
  throw new IoasisError("ERR_USAGE", `--device ${device}: attached to ${where}, not to ${ioasName(chosen)}`, {
    device,
  });
}

function parseIoas(state: ContextState, text: string): IoasHandle {
  const match = /^(?:ioas)?(\d{1,9})$/.exec(text);
  const handle = match === null ? -1 : Number(match[1]);
  if (handle >= 0 && handle < state.spaces.length) return handle;
  const known = state.spaces.length === 0 ? "there is none yet" : `known are ${knownSpaces(state.spaces.length)}`;
  throw new IoasisError("ERR_USAGE", `--ioas ${text}: no such space; ${known}`, { ioas: text });
}

function knownSpaces(count: number): string {
  return count === 1 ? ioasName(0) : `${ioasName(0)} ... ${ioasName(count - 1)}`;
}
