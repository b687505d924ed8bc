/** Rules on mappings one by one: judged when one is made, and when a device comes to a space that has it. */
import type { Iova } from "../address.ts";
import { holes, type Range } from "../range.ts";
import { RangeSet } from "../range-set.ts";
import type { Prot } from "../source.ts";
import { actorIsAnyOf, appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import { attachOf } from "./place.ts";
import { asksForDevice, type Demand, type Rule, type RuleFold, type RuleSink } from "./rule.ts";
import { actorWords, rangeWords, spaceWords } from "./wording.ts";

interface Mapping {
  readonly first: bigint;
  readonly last: bigint;
  readonly prot: Prot;
}

/** What is wrong with a mapping, null: nothing, `unknown`: the recording does not tell. */
type Judge = (mapping: Mapping) => string | "unknown" | null;

const ACCESS_LETTER = { any: "", writable: "w", readable: "r" } as const;

export function mapFold(rule: Rule, demand: Extract<Demand, { kind: "map" }>, sink: RuleSink): RuleFold {
  const letter = ACCESS_LETTER[demand.access];
  const { ranges } = demand;
  const forbidden = setOf(ranges);
  return judging(rule, sink, (mapping) => {
    if (ranges.length > 0 && !forbidden.overlaps(mapping.first, mapping.last)) return null;
    if (letter !== "" && mapping.prot === "unknown") return "unknown";
    if (letter !== "" && !mapping.prot.includes(letter)) return null;
    const hit = ranges.find(({ first, last }) => first <= mapping.last && mapping.first <= last);
    return hit === undefined ? "no such mapping may be" : `it touches ${rangeWords(hit.first, hit.last)}`;
  });
}

export function mapOutsideFold(rule: Rule, ranges: readonly Range[], sink: RuleSink): RuleFold {
  const allowed = setOf(ranges);
  return judging(rule, sink, ({ first, last }) => {
    if (allowed.covers(first, last)) return null;
    const [outside = { first, last }] = holes(ranges, { first: first as Iova, last: last as Iova });
    return `${rangeWords(outside.first, outside.last)} of it is outside the ranges that are allowed`;
  });
}

function setOf(ranges: readonly Range[]): RangeSet {
  const set = new RangeSet();
  for (const { first, last } of ranges) set.add(first, last);
  return set;
}

export function mapActorFold(rule: Rule, actors: readonly string[], sink: RuleSink): RuleFold {
  return {
    types: ["IovaMapped"],
    after(moment) {
      const { actor, ioas } = moment;
      const allowed = actorIsAnyOf(actor, actors);
      if (allowed === true || !appliesTo(rule, moment, { ioas }, sink)) return;
      if (allowed === null) return sink.note(rule, moment.context, "some mappings do not tell who made them");
      const where = `${rangeWords(moment.first, moment.last)} in ${spaceWords(moment, ioas)}`;
      sink.violation(rule, moment, `${actorWords(actor)} mapped ${where}: only ${actors.join(", ")} may`);
    },
  };
}

function judging(rule: Rule, sink: RuleSink, judge: Judge): RuleFold {
  return {
    types: asksForDevice(rule) ? ["IovaMapped", "DeviceAttached"] : ["IovaMapped"],
    after(moment) {
      if (moment.type !== "IovaMapped") return judgeAttached(rule, sink, judge, moment);
      const what = judged(rule, sink, judge, moment, moment);
      if (what === null) return;
      const { first, last, prot, ioas } = moment;
      if (!appliesTo(rule, moment, { ioas }, sink)) return;
      const where = spaceWords(moment, ioas);
      sink.violation(rule, moment, `${rangeWords(first, last)} (${prot}) was mapped in ${where}: ${what}`);
    },
  };
}

/** What the space has that a device comes to. */
function judgeAttached(rule: Rule, sink: RuleSink, judge: Judge, moment: Moment): void {
  const comer = attachOf(moment);
  if (comer === null || !appliesTo(rule, moment, comer, sink)) return;
  for (const { iova: first, last, prot, version } of moment.state.space(comer.ioas).areas.all()) {
    const what = judged(rule, sink, judge, moment, { first, last, prot });
    if (what === null) continue;
    const mapping = `${rangeWords(first, last)} (${prot}, mapped by version ${version})`;
    sink.violation(rule, moment, `${comer.device} was attached to ioas${comer.ioas}, which has ${mapping}: ${what}`);
  }
}

function judged(rule: Rule, sink: RuleSink, judge: Judge, moment: Moment, mapping: Mapping): string | null {
  const what = judge(mapping);
  if (what !== "unknown") return what;
  sink.note(rule, moment.context, "some mappings do not tell what they permit");
  return null;
}
