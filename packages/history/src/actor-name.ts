import type { Actor } from "@ioasis/core";

/** `kworker/u64:0-12`, as traces print it; null when the source names nobody. */
export function actorName(actor: Actor | null): string | null {
  if (actor === null) return null;
  const number = actor.tid ?? actor.pid;
  if (actor.comm === null) return number === null ? null : `pid ${number}`;
  return number === null ? actor.comm : `${actor.comm}-${number}`;
}
