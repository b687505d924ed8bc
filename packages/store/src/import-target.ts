/** Which contexts a recording may be written into. */
import { eventAt, IoasisError } from "@ioasis/core";
import type { ContextInfo, Journal } from "./journal.ts";

/**
 * A context that takes commands holds what its model decided, files and groups included, and nothing else: of a
 * recording beside it, of whatever profile, no model would know. Its own log, imported as a copy, may grow until
 * the copy gets commands of its own.
 * @param known facts that the context has of this file
 * @throws IoasisError ERR_CONTEXT_EXISTS
 */
export function checkTakesRecordings(journal: Journal, info: ContextInfo, known: number, file: string): void {
  const { name, head } = info;
  if (known === head.version || !isMadeForCommands(journal, info)) return;
  const remedy =
    known === 0
      ? `import ${file} under another name (--context)`
      : `${file} was imported as this context before it got commands of its own: import it into another journal (--db)`;
  throw new IoasisError(
    "ERR_CONTEXT_EXISTS",
    `context "${name}" takes commands, and a recording among them would contradict its model: ${remedy}`,
    { context: name, file },
  );
}

function isMadeForCommands(journal: Journal, { name }: ContextInfo): boolean {
  for (const batch of journal.batches(name, 1, 1))
    return batch.length > 0 && eventAt(batch, 0).type === "ContextCreated";
  return false;
}
