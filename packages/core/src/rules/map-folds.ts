/** Rules on mappings one by one: judged when one is made, and when a device comes to a space that has it. */
import { holes, overlaps, type Range } from "../range.ts";
import type { Prot } from "../source.ts";
import { actorIsAnyOf, appliesTo } from "./conditions.ts";
import { asksForDevice, type Demand, type Moment, type Rule, type RuleFold, type RuleSink } from "./rule.ts";
import { actorWords, rangeWords, spaceWords } from "./wording.ts";

interface Mapping extends Range {
  readonly prot: Prot;
}

/** What is wrong with a mapping, null: nothing, `unknown`: the recording does not tell. */
type Judge = (mapping: Mapping) => string | "unknown" | null;

const ACCESS_LETTER = { any: "", writable: "w", readable: "r" } as const;

export function mapFold(rule: Rule, demand: Extract<Demand, { kind: "map" }>, sink: RuleSink): RuleFold {
  const letter = ACCESS_LETTER[demand.access];
  return judging(rule, sink, (mapping) => {
    const hit = demand.ranges.find((range) => overlaps(range, mapping));
    if (demand.ranges.length > 0 && hit === undefined) return null;
    if (letter !== "" && mapping.prot === "unknown") return "unknown";
    if (letter !== "" && !mapping.prot.includes(letter)) return null;
    return hit === undefined ? "no such mapping may be" : `it touches ${rangeWords(hit.first, hit.last)}`;
  });
}

export function mapOutsideFold(rule: Rule, ranges: readonly Range[], sink: RuleSink): RuleFold {
  return judging(rule, sink, (mapping) => {
    const [outside] = holes(ranges, mapping);
    return outside === undefined
      ? null
      : `${rangeWords(outside.first, outside.last)} of it is outside the ranges that are allowed`;
  });
}

export function mapActorFold(rule: Rule, actors: readonly string[], sink: RuleSink): RuleFold {
  return {
    after(moment) {
      const { event, actor } = moment.recorded;
      if (event.type !== "IovaMapped") return;
      if (!appliesTo(rule, moment, { ioas: event.ioas }, sink)) return;
      const allowed = actorIsAnyOf(actor, actors);
      if (allowed === null) sink.note(rule, moment.context, "some mappings do not tell who made them");
      if (allowed !== false) return;
      const where = `${rangeWords(event.iova, event.last)} in ${spaceWords(moment, event.ioas)}`;
      sink.violation(rule, moment, `${actorWords(actor)} mapped ${where}: only ${actors.join(", ")} may`);
    },
  };
}

function judging(rule: Rule, sink: RuleSink, judge: Judge): RuleFold {
  const isForDevice = asksForDevice(rule);
  return {
    after(moment) {
      const { event } = moment.recorded;
      if (event.type === "IovaMapped") {
        const { iova: first, last, prot, ioas } = event;
        const what = judged(rule, sink, judge, moment, { first, last, prot });
        if (what === null || !appliesTo(rule, moment, { ioas }, sink)) return;
        const where = spaceWords(moment, ioas);
        sink.violation(rule, moment, `${rangeWords(first, last)} (${prot}) was mapped in ${where}: ${what}`);
      } else if (isForDevice && event.type === "DeviceAttached" && event.ioas !== null) {
        if (!appliesTo(rule, moment, { ioas: event.ioas, device: event.device }, sink)) return;
        for (const { iova: first, last, prot, version } of moment.state.space(event.ioas).areas.all()) {
          const what = judged(rule, sink, judge, moment, { first, last, prot });
          if (what === null) continue;
          const mapping = `${rangeWords(first, last)} (${prot}, mapped by version ${version})`;
          sink.violation(
            rule,
            moment,
            `${event.device} was attached to ioas${event.ioas}, which has ${mapping}: ${what}`,
          );
        }
      }
    },
  };
}

function judged(rule: Rule, sink: RuleSink, judge: Judge, moment: Moment, mapping: Mapping): string | null {
  const what = judge(mapping);
  if (what !== "unknown") return what;
  sink.note(rule, moment.context, "some mappings do not tell what they permit");
  return null;
}
