/** What a person must know about a record before he trusts an answer from it. */
import type { ContextState, IoasHandle } from "@ioasis/core";
import { ioasName } from "./area-json.ts";

/**
 * Whole sentences on what the record up to this state cannot tell about `spaces` (null: all); empty
 * when it can tell everything.
 */
export function contextNotes(state: ContextState, spaces: ReadonlySet<IoasHandle> | null): string[] {
  const notes: string[] = [];
  if (state.gaps > 0) {
    const times = state.gaps === 1 ? "once" : `${state.gaps} times`;
    notes.push(
      `The recorder lost events ${times}, last at version ${state.lostAt}: what no later event speaks of may have changed unseen.`,
    );
  }
  const unnamed = [...state.attachments.values()].filter(({ ioas }) => ioas === null).map(({ device }) => device);
  if (unnamed.length > 1)
    notes.push(
      `${unnamed.length} devices are attached (${some(unnamed)}) and the record does not say to which space a mapping belongs: mappings of several spaces may be mixed.`,
    );
  const late = state.liveSpaces.filter(({ handle, isWhole }) => !isWhole && (spaces === null || spaces.has(handle)));
  // After a gap no space is whole, which the note on the gap has told already.
  if (late.length > 0 && state.gaps === 0) {
    const names = some(late.map(({ handle }) => ioasName(handle)));
    notes.push(`The record does not show the creation of ${names}: what was mapped before it began is unknown.`);
  }
  return notes;
}

function some(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 4).join(", ")}, ...` : names.join(", ");
}
