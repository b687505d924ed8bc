/** Whether the journal already holds this content or a prefix of it. */
import { createHash } from "node:crypto";
import { type Checkpoint, checkpoints, type Journal, type KnownImport, knownImport } from "@ioasis/store";
import type { Content } from "../content.ts";

/**
 * Hashes the content up to every checkpoint of the journal and says which import it continues or repeats.
 * `onChunk` is called after every chunk: it shows how far this is, or throws to stop it.
 */
export async function findKnownImport(
  journal: Journal,
  content: Content,
  onChunk: () => void,
): Promise<KnownImport | null> {
  const waiting = checkpoints(journal);
  if (waiting.length === 0) return null;
  const matched: Checkpoint[] = [];
  const hash = createHash("sha256");
  let length = 0;
  let next = 0;
  const settle = (): void => {
    if (waiting[next]?.offset !== length) return;
    const sha256 = hash.copy().digest("hex");
    for (; waiting[next]?.offset === length; next++) {
      const checkpoint = waiting[next] as Checkpoint;
      if (checkpoint.sha256 === sha256) matched.push(checkpoint);
    }
  };
  settle();
  for await (const chunk of content.chunks()) {
    let from = 0;
    while (from < chunk.length) {
      const stop = waiting[next]?.offset ?? Number.POSITIVE_INFINITY;
      const to = Math.min(chunk.length, from + stop - length);
      if (next < waiting.length) hash.update(chunk.subarray(from, to));
      length += to - from;
      from = to;
      settle();
    }
    onChunk();
  }
  return knownImport(journal, matched, length);
}
