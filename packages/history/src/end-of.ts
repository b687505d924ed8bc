/** Where a reading of everything ends. */
import type { Journal } from "@ioasis/store";

/**
 * The newest version; of a damaged context the first damaged one, so that whoever reads to the end
 * gets what is intact and then ERR_DAMAGED.
 */
export function endOf(journal: Journal, context: string): number {
  const info = journal.context(context);
  return info?.damagedFrom ?? info?.head.version ?? 0;
}
