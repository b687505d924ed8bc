/**
 * Finds what the journal already holds of a file: the same bytes, or a prefix of a file that has
 * grown or whose import was interrupted.
 */
import type { Journal } from "./journal.ts";

/** A place in the content at which its hash tells whether it is the same as before. */
export interface Checkpoint {
  readonly id: string;
  readonly offset: number;
  readonly sha256: string;
}

export interface KnownImport {
  readonly id: string;
  /** Facts per decoder key that are in the journal. */
  readonly facts: ReadonlyMap<string, number>;
  /** Context name per decoder key. */
  readonly contexts: ReadonlyMap<string, string>;
  /** The whole file went through before; it may have grown since. */
  readonly isFinished: boolean;
}

/** Every place worth hashing, ascending by offset. */
export function checkpoints(journal: Journal): Checkpoint[] {
  const marks = journal.contexts().flatMap(({ imports }) => imports);
  return [...marks, ...journal.imports()]
    .map(({ id, offset, sha256 }) => ({ id, offset, sha256 }))
    .sort((a, b) => a.offset - b.offset);
}

/**
 * The import that this content continues, given the checkpoints that it matched. Every context of
 * an import must match: a file that is the same only up to one of several marks is another file.
 */
export function knownImport(journal: Journal, matched: ReadonlySet<Checkpoint>): KnownImport | null {
  let best: { id: string; offset: number } | null = null;
  const all = checkpoints(journal);
  for (const { id, offset } of matched) {
    const own = all.filter((checkpoint) => checkpoint.id === id);
    const isWhole = own.every((checkpoint) => [...matched].some((hit) => same(hit, checkpoint)));
    if (isWhole && (best === null || offset > best.offset)) best = { id, offset };
  }
  if (best === null) return null;
  const { id } = best;
  const facts = new Map<string, number>();
  const contexts = new Map<string, string>();
  for (const { name, imports } of journal.contexts())
    for (const mark of imports) {
      if (mark.id !== id) continue;
      facts.set(mark.key, mark.facts);
      contexts.set(mark.key, name);
    }
  return { id, facts, contexts, isFinished: journal.imports().some((finished) => finished.id === id) };
}

function same(a: Checkpoint, b: Checkpoint): boolean {
  return a.id === b.id && a.offset === b.offset && a.sha256 === b.sha256;
}
