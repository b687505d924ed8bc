/** All rules of a file over all contexts of a journal, event by event. */

import { type EventBatch, recordedAt } from "../event-batch.ts";
import { applyBatch } from "../evolve.ts";
import { ContextState } from "../state.ts";
import { aliasFold } from "./alias-fold.ts";
import { Attached } from "./attached.ts";
import { type ContextsLedger, contextsLedger } from "./contexts-ledger.ts";
import { deviceOutsideFold, faultFold, twoSpacesFold, unmapBeforeFold } from "./device-folds.ts";
import { bytesFold, mappingsFold } from "./limit-folds.ts";
import { mapActorFold, mapFold, mapOutsideFold } from "./map-folds.ts";
import { refusalsFold } from "./refusals-fold.ts";
import { reservedFold } from "./reserved-fold.ts";
import type { Moment, Rule, RuleFold, RuleSink } from "./rule.ts";
import { ageFold, reuseFold } from "./time-folds.ts";
import { tellUnseen } from "./unseen.ts";

export interface ContextRun {
  /** Takes the next batch, from version 1 on, up to and with version `to`. */
  take(batch: EventBatch, to: number): void;
  /** No more of it comes. */
  end(): void;
}

export interface RuleRun {
  context(name: string): ContextRun;
  /** Tells what only all contexts together show. */
  finish(): void;
}

export function ruleRun(rules: readonly Rule[], sink: RuleSink): RuleRun {
  const ledgers = new Map<Rule, ContextsLedger>();
  for (const rule of rules)
    if (rule.demand.kind === "device-in-two" && rule.demand.what === "contexts")
      ledgers.set(rule, contextsLedger(rule, sink));
  return {
    context: (name) => {
      const state = new ContextState();
      const attached = new Attached();
      const folds = rules.map((rule) => ledgers.get(rule)?.fold() ?? foldOf(rule, sink));
      let moment: Moment | null = null;
      return {
        take(batch, to) {
          for (let row = 0; row < batch.length && batch.firstVersion + row <= to; row++) {
            moment = { context: name, recorded: recordedAt(batch, row), state, attached };
            for (const fold of folds) fold.before?.(moment);
            applyBatch(state, batch, row, row + 1);
            attached.take(moment.recorded.event, moment.recorded.version);
            for (const fold of folds) fold.after?.(moment);
          }
        },
        end() {
          if (moment === null) return;
          for (const fold of folds) fold.end?.(moment);
          tellUnseen(rules, moment, sink);
        },
      };
    },
    finish() {
      for (const ledger of ledgers.values()) ledger.finish();
    },
  };
}

function foldOf(rule: Rule, sink: RuleSink): RuleFold {
  const { demand } = rule;
  switch (demand.kind) {
    case "map":
      return mapFold(rule, demand, sink);
    case "map-outside":
      return mapOutsideFold(rule, demand.ranges, sink);
    case "map-by-others":
      return mapActorFold(rule, demand.actors, sink);
    case "alias":
      return aliasFold(rule, sink);
    case "device-outside":
      return deviceOutsideFold(rule, demand.devices, sink);
    case "device-in-two":
      return twoSpacesFold(rule, sink);
    case "fault":
      return faultFold(rule, sink);
    case "reuse":
      return reuseFold(rule, demand.within, sink);
    case "age":
      return ageFold(rule, demand.limit, sink);
    case "mappings":
      return mappingsFold(rule, demand.limit, sink);
    case "bytes":
      return bytesFold(rule, demand.limit, sink);
    case "refusals":
      return refusalsFold(rule, demand, sink);
    case "unmap-before":
      return unmapBeforeFold(rule, demand.what, sink);
    case "reserved":
      return reservedFold(rule, demand.ranges, sink);
  }
}
