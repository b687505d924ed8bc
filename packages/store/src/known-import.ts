/**
 * Finds what the journal already holds of a file: the same bytes, or a prefix of a file that has
 * grown or whose import was interrupted.
 */
import type { Journal, SettledFacts } from "./journal.ts";

/** A place in the content at which its hash tells whether it is the same as before. */
export interface Checkpoint {
  readonly id: string;
  readonly offset: number;
  readonly sha256: string;
}

export interface KnownImport {
  readonly id: string;
  /** How many facts of a decoder's key are in the journal. */
  readonly facts: (key: string) => number;
  /** Context name per decoder key. */
  readonly contexts: ReadonlyMap<string, string>;
  /** Facts that the end of the file settled, to be found again in one that grew; by decoder key. */
  readonly settled: Readonly<Record<string, SettledFacts>>;
}

/** Every place worth hashing, ascending by offset. */
export function checkpoints(journal: Journal): Checkpoint[] {
  const marks = journal.contexts().flatMap(({ imports }) => imports);
  return [...marks, ...journal.imports()]
    .map(({ id, offset, sha256 }) => ({ id, offset, sha256 }))
    .filter(({ offset }) => offset > 0)
    .sort((a, b) => a.offset - b.offset);
}

/**
 * The import that this content continues or repeats, given the checkpoints that it matched and its
 * length in bytes. It repeats one that was finished at this length, even if that file has grown
 * since. It continues one whose every checkpoint it matches: a file that is the same only up to one
 * of several is another file.
 */
export function knownImport(journal: Journal, matched: readonly Checkpoint[], length: number): KnownImport | null {
  const finished = journal.imports();
  const repeated = matched.find((hit) => hit.offset === length && finished.some((one) => same(one, hit)));
  if (repeated !== undefined)
    return {
      id: repeated.id,
      facts: () => Number.POSITIVE_INFINITY,
      contexts: contextsOf(journal, repeated.id),
      settled: {},
    };
  const all = checkpoints(journal);
  let best: Checkpoint | null = null;
  for (const hit of matched) {
    if (best !== null && hit.offset <= best.offset) continue;
    const own = all.filter(({ id }) => id === hit.id);
    if (own.every((checkpoint) => matched.some((one) => same(one, checkpoint)))) best = hit;
  }
  if (best === null) return null;
  const { id } = best;
  const facts = new Map<string, number>();
  for (const { imports } of journal.contexts())
    for (const mark of imports) if (mark.id === id) facts.set(mark.key, mark.facts);
  const { offset } = best;
  const settled = finished.find((one) => one.id === id && one.offset === offset)?.settled ?? {};
  return { id, facts: (key) => facts.get(key) ?? 0, contexts: contextsOf(journal, id), settled };
}

function contextsOf(journal: Journal, id: string): Map<string, string> {
  const contexts = new Map<string, string>();
  for (const { name, imports } of journal.contexts())
    for (const mark of imports) if (mark.id === id) contexts.set(mark.key, name);
  return contexts;
}

function same(a: Checkpoint, b: Checkpoint): boolean {
  return a.id === b.id && a.offset === b.offset && a.sha256 === b.sha256;
}
