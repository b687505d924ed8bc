/** Which journal and which context a command means. */
import os from "node:os";
import path from "node:path";
import { IoasisError } from "@ioasis/core";
import { type ContextInfo, type Journal, openSegmentJournal } from "@ioasis/store";
import { headsOf, indexAppended } from "./index-journal.ts";
import { VERSION } from "./version.ts";
import type { CommonOptions, ContextOptions, ExitCode, World } from "./world.ts";

/** `--db`, else $IOASIS_DB, else the user's state directory. */
export function journalDirectory(world: World, { db }: CommonOptions): string {
  const { IOASIS_DB, XDG_STATE_HOME, HOME } = world.env;
  if (db !== undefined) return path.resolve(db);
  if (IOASIS_DB) return path.resolve(IOASIS_DB);
  if (XDG_STATE_HOME) return path.join(XDG_STATE_HOME, "ioasis");
  return path.join(HOME || os.homedir(), ".local/state/ioasis");
}

/** Opens the journal for one use and closes it whatever happens. */
export async function withJournal(
  world: World,
  options: CommonOptions,
  mode: "read" | "write",
  use: (journal: Journal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const directory = journalDirectory(world, options);
  const journal = await openSegmentJournal(directory, {
    host: os.hostname(),
    createdBy: `ioasis ${VERSION}`,
    readOnly: mode === "read",
  });
  try {
    if (mode === "write" && journal.damage.length > 0) throw damagedJournal(journal);
    const before = mode === "write" ? headsOf(journal) : null;
    const code = await use(journal);
    if (before !== null) await indexAppended(world, journal, before);
    return code;
  } finally {
    await journal.close();
  }
}

/** The context that `--context` names, or the only one there is. */
export function chooseContext(journal: Journal, { context }: ContextOptions): ContextInfo {
  const all = journal.contexts();
  if (context !== undefined) {
    const info = journal.context(context);
    if (info !== null) return info;
    if (journal.damage.length > 0) throw damagedJournal(journal);
    const names = all.map(({ name }) => name);
    throw new IoasisError(
      "ERR_NO_CONTEXT",
      `--context ${context}: the journal has no such context; it has ${names.length === 0 ? "none" : listed(names)}`,
      { context },
    );
  }
  const [only, second] = all;
  if (only === undefined && journal.damage.length > 0) throw damagedJournal(journal);
  if (only === undefined)
    throw new IoasisError("ERR_NO_CONTEXT", "the journal is empty: import a recording first (ioasis import FILE)");
  if (second !== undefined)
    throw new IoasisError(
      "ERR_CONTEXT_AMBIGUOUS",
      `the journal holds ${all.length} contexts: say which with --context (${listed(all.map(({ name }) => name))})`,
    );
  return only;
}

/** The journal may hold more than it can tell. */
function damagedJournal({ damage }: Journal): IoasisError {
  const [first] = damage;
  return new IoasisError(
    "ERR_DAMAGED",
    `the journal is damaged at ${first?.file}, byte ${first?.offset}: ${first?.what}: ioasis verify tells all; restore the file from a copy or a replica`,
    { file: first?.file ?? "", offset: first?.offset ?? 0 },
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown}, ... (ioasis contexts lists all)` : shown;
}
