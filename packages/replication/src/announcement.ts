/** Whether a replica may take a context from a peer that announces it. */
import type { FailureCode } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import type { Announcement } from "./messages.ts";

export interface Refusal {
  readonly code: FailureCode;
  readonly reason: string;
}

export function announcementOf(journal: Journal, context: string): Announcement | null {
  const info = journal.context(context);
  if (info === null) return null;
  const { name, id, profile, epochs, head } = info;
  return { name, id, profile, epochs, head };
}

/** Null: it may. Looks only; nothing changes. */
export function refusalOf(journal: Journal, { name, id, epochs }: Announcement): Refusal | null {
  if (epochs.some(({ epoch }, i) => i > 0 && epoch <= (epochs[i - 1]?.epoch ?? 0)) || epochs[0]?.epoch !== 1)
    return { code: "ERR_PROTOCOL", reason: `the epochs of "${name}" are not told in order from 1` };
  const known = journal.context(name);
  if (known === null) {
    const other = journal.contexts().find((info) => info.id === id);
    if (other !== undefined)
      return { code: "ERR_CONTEXT_EXISTS", reason: `that context is here already, under the name "${other.name}"` };
    return epochs.some(({ owner }) => owner === journal.replica)
      ? { code: "ERR_FORK", reason: `"${name}" names ${journal.replica} as an owner, whose journal does not know it` }
      : null;
  }
  if (known.id !== id)
    return { code: "ERR_CONTEXT_EXISTS", reason: `another context is called "${name}" there. Rename one of them` };
  if (known.damagedFrom !== null)
    return { code: "ERR_DAMAGED", reason: `"${name}" is damaged there from version ${known.damagedFrom} on` };
  const newest = known.epochs.at(-1);
  if (newest?.owner === journal.replica && newest.sealed === null)
    return { code: "ERR_OWNER_HERE", reason: `"${name}" is owned there, in epoch ${newest.epoch}` };
  return null;
}
