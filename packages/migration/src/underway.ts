/** Which contexts of a journal are just being migrated away by this process. */
import { IoasisError } from "@ioasis/core";
import type { Journal } from "@ioasis/store";

const underway = new WeakMap<Journal, Set<string>>();

export function isMigrating(journal: Journal, context: string): boolean {
  return underway.get(journal)?.has(context) ?? false;
}

/**
 * Runs `work` as the only migration of the context.
 * @throws IoasisError ERR_LOCKED while another one runs
 */
export async function asOnlyMigration<T>(journal: Journal, context: string, work: () => Promise<T>): Promise<T> {
  const contexts = underway.get(journal) ?? new Set<string>();
  underway.set(journal, contexts);
  if (contexts.has(context)) {
    const message = `context "${context}" is being migrated already. Wait until that has ended`;
    throw new IoasisError("ERR_LOCKED", message, { context });
  }
  contexts.add(context);
  try {
    return await work();
  } finally {
    contexts.delete(context);
  }
}
