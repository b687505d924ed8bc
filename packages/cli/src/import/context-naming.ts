/** Names for the contexts of an imported file. */
import path from "node:path";
import type { Journal, KnownImport } from "@ioasis/store";

/** The file's name without its extensions: `src.log.gz` is `src`. */
export function stemOf(file: string): string {
  const base = path.basename(file);
  const stem = base.replace(/(\.[a-z][a-z0-9]{0,5})+$/i, "");
  return stem === "" ? base : stem;
}

/**
 * A function from a decoder's key to a context's name: what it was before if the file is known,
 * else the asked name (which may exist: the import continues it), else the file's stem, made
 * unique among the contexts of other files; `#2`, `#3`, ... for further contexts of one file.
 */
export function contextNaming(
  journal: Journal,
  file: string,
  asked: string | undefined,
  known: KnownImport | null,
): (key: string, ordinal: number) => string {
  let base = asked;
  return (key, ordinal) => {
    const before = known?.contexts.get(key);
    if (before !== undefined) return before;
    base ??= [...(known?.contexts.values() ?? [])][0]?.replace(/#\d+$/, "") ?? freeName(journal, stemOf(file));
    return ordinal === 1 ? base : `${base}#${ordinal}`;
  };
}

/** An empty context of this replica is what an import left that died before its first events: it is free. */
function freeName(journal: Journal, stem: string): string {
  const isTaken = (name: string): boolean => {
    const info = journal.context(name);
    return info !== null && (info.head.version > 0 || info.epochs.at(-1)?.owner !== journal.replica);
  };
  let name = stem;
  for (let n = 2; isTaken(name); n++) name = `${stem}-${n}`;
  return name;
}
