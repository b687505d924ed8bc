/** What rules tell of a few events, for tests. */

import type { Errno } from "../../errno.ts";
import { EventBatch } from "../../event-batch.ts";
import type { Actor, IoasEvent } from "../../events.ts";
import { parseRules } from "../parse-rules.ts";
import { ruleRun } from "../rule-run.ts";

export interface Step {
  readonly event: IoasEvent;
  /** Seconds on the clock `t`; null: no time. Default: the step's version. */
  readonly at?: number | null;
  readonly clock?: string;
  readonly actor?: Actor;
  readonly errno?: Errno;
}

export interface Judged {
  /** `VERSION RULE`, in the order told. */
  readonly found: readonly string[];
  readonly details: readonly string[];
  /** `RULE: WHY`; `*` for all rules. Each once. */
  readonly notes: readonly string[];
}

/** A context for each list of steps: `c0`, `c1`, ... */
export function judged(rules: string, ...contexts: readonly (readonly Step[])[]): Judged {
  const found: string[] = [];
  const details: string[] = [];
  const notes = new Set<string>();
  const run = ruleRun(parseRules(rules), {
    violation: (rule, { recorded }, detail) => {
      found.push(`${recorded.version} ${rule.name}`);
      details.push(detail);
    },
    note: (rule, _context, why) => notes.add(`${rule?.name ?? "*"}: ${why}`),
  });
  contexts.forEach((steps, index) => {
    const batch = new EventBatch(1, 1, steps.length);
    for (const { event, at = batch.length + 1, clock = "t", actor = null, errno = null } of steps) {
      const stamp = at === null ? null : { clock, ticks: BigInt(at), decimals: 0 };
      batch.push(event, { stamp, actor, errno, line: 0 });
    }
    const context = run.context(`c${index}`);
    context.take(batch, batch.lastVersion);
    context.end();
  });
  run.finish();
  return { found, details, notes: [...notes] };
}
