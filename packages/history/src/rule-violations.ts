/** `rules`: what of a journal's histories breaks the rules of a file. */
import { type AuditRule, ruleRun, type Violation } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { endOf } from "./end-of.ts";

export interface RulesScope {
  readonly contexts: readonly string[];
  /** First version that is told; what came before counts all the same. */
  readonly from?: number | undefined;
  /** Last version that is read. */
  readonly to?: number | undefined;
}

/** Lines on what could not be judged that are kept; more are counted. */
const NOTES_MAX = 1_000;

/**
 * Tells the violations in one pass, context by context; what only several contexts show comes last.
 * @returns what could not be judged, a sentence each
 * @throws IoasisError ERR_LIMIT, ERR_DAMAGED
 */
export function ruleViolations(
  journal: Journal,
  rules: readonly AuditRule[],
  { contexts, from = 1, to }: RulesScope,
  tell: (violation: Violation) => void,
): string[] {
  const notes = new Set<string>();
  // A note may come with each of millions of events: it is put into words once.
  const told = new Map<AuditRule | null, Set<string>>();
  let toldOf = "";
  let unkept = 0;
  const run = ruleRun(rules, {
    violation(rule, { context, recorded }, detail) {
      if (recorded.version >= from) tell({ rule: rule.name, context, recorded, detail });
    },
    note(rule, context, why) {
      if (context !== toldOf) told.clear();
      toldOf = context;
      const known = told.get(rule) ?? new Set();
      if (known.has(why)) return;
      if (known.size < NOTES_MAX) told.set(rule, known.add(why));
      const which = rule === null ? "no rule can" : `rule "${rule.name}" cannot`;
      const note = `${context}: ${which} be judged everywhere: ${why}`;
      if (notes.size < NOTES_MAX) notes.add(note);
      else if (!notes.has(note)) unkept++;
    },
  });
  for (const context of contexts) {
    const reading = run.context(context);
    const end = to ?? endOf(journal, context);
    if (end < 1) continue;
    for (const batch of journal.batches(context, 1, end)) reading.take(batch, end);
    reading.end();
  }
  run.finish();
  return unkept === 0 ? [...notes] : [...notes, `${unkept} more events could not be judged`];
}
