/** Where the history that a peer holds parts from the one here. */
import { IoasisError } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { COMPARED_VERSIONS_MAX } from "./limits.ts";
import { blockAt, type Held, lastVersion } from "./records.ts";

/** The digests of the peer's history at these versions. */
export type AskDigests = (versions: readonly number[]) => Promise<readonly string[]>;

/** Whether what the peer holds is the beginning of the history here; a block tells for all before it. */
export function isBeginning(journal: Journal, context: string, { version, hash }: Held): boolean {
  if (version === 0) return true;
  if (version > (journal.context(context)?.head.version ?? 0)) return false;
  const block = blockAt(journal, context, version);
  return block !== null && block.hash === hash && lastVersion(block.header) === version;
}

/** Why `held` is no beginning of the history here: the first version that differs is in it. */
export async function divergence(
  journal: Journal,
  context: string,
  { version }: Held,
  ask: AskDigests,
): Promise<IoasisError> {
  const head = journal.context(context)?.head.version ?? 0;
  const top = Math.min(version, head);
  const first = await firstDifference(journal, context, top, ask);
  const advice = "A journal was copied and both copies were written; both are kept, choose one by hand";
  const message =
    first !== null
      ? `the history of "${context}" forks at version ${first}. ${advice}`
      : version > head
        ? `the peer holds version ${version} of "${context}", which ends at version ${head} here. ${advice}`
        : `the peer holds other blocks of "${context}" up to version ${version}, though of equal events. ${advice}`;
  return new IoasisError("ERR_FORK", message, { context, version: first ?? top });
}

/** The first version up to `top` at which the digests differ; null where none does. */
async function firstDifference(
  journal: Journal,
  context: string,
  top: number,
  ask: AskDigests,
): Promise<number | null> {
  let equal = 0;
  let differs = top + 1;
  while (differs - equal > 1) {
    const versions = between(equal, differs);
    const theirs = await ask(versions);
    const at = versions.findIndex((version, i) => journal.digest(context, version) !== theirs[i]);
    const below = at < 0 ? versions.at(-1) : versions[at - 1];
    equal = below ?? equal;
    differs = at < 0 ? differs : (versions[at] as number);
  }
  return differs > top ? null : differs;
}

/** Up to COMPARED_VERSIONS_MAX versions above `low` and below `high`, evenly spread, the highest among them. */
function between(low: number, high: number): number[] {
  const count = Math.min(COMPARED_VERSIONS_MAX, high - low - 1);
  return Array.from({ length: count }, (_, i) => low + Math.floor(((high - 1 - low) * (i + 1)) / count));
}
