/** All rules of a file over all contexts of a journal, event by event. */

import type { EventBatch } from "../event-batch.ts";
import { applyBatch } from "../evolve.ts";
import { ageFold } from "./age-fold.ts";
import { aliasFold } from "./alias-fold.ts";
import { type ContextsLedger, contextsLedger } from "./contexts-ledger.ts";
import { deviceOutsideFold, faultFold, twoSpacesFold, unmapBeforeFold } from "./device-folds.ts";
import { bytesFold, mappingsFold } from "./limit-folds.ts";
import { mapActorFold, mapFold, mapOutsideFold } from "./map-folds.ts";
import { Moment } from "./moment.ts";
import { refusalsFold } from "./refusals-fold.ts";
import { reservedFold } from "./reserved-fold.ts";
import { reuseFold } from "./reuse-fold.ts";
import { routesOf } from "./routes.ts";
import type { Rule, RuleFold, RuleSink } from "./rule.ts";
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
    context: (name) =>
      contextRun(
        new Moment(name),
        rules,
        rules.map((rule) => ledgers.get(rule)?.fold() ?? foldOf(rule, sink)),
        sink,
      ),
    finish() {
      for (const ledger of ledgers.values()) ledger.finish();
    },
  };
}

function contextRun(moment: Moment, rules: readonly Rule[], folds: readonly RuleFold[], sink: RuleSink): ContextRun {
  const { state } = moment;
  const routes = routesOf([attachments, ...folds]);
  return {
    take(batch, to) {
      const rows = Math.min(batch.length, to - batch.firstVersion + 1);
      // Rows up to here are in the state; those that nobody looks at go in together.
      let done = 0;
      for (let row = 0; row < rows; row++) {
        const route = routes[batch.type[row] as number];
        if (route === undefined) continue;
        if (row > done) applyBatch(state, batch, done, row);
        moment.move(batch, row);
        for (const look of route.before) look(moment);
        applyBatch(state, batch, row, row + 1);
        for (const look of route.after) look(moment);
        done = row + 1;
      }
      if (rows > done) applyBatch(state, batch, done, rows);
      if (rows > 0) moment.move(batch, rows - 1);
    },
    end() {
      if (!moment.isSomewhere) return;
      for (const fold of folds) fold.end?.(moment);
      tellUnseen(rules, moment, sink);
    },
  };
}

/** Comes before all rules: it keeps what they ask for. */
const attachments: RuleFold = {
  types: ["DeviceAttached", "DeviceDetached"],
  after: ({ attached, recorded, version }) => attached.take(recorded.event, version),
};

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
