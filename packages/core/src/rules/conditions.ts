/** `where` and `except`: whether a rule applies to what happened. */
import { plainDevice } from "../device-name.ts";
import type { Actor, DeviceName, IoasHandle } from "../events.ts";
import type { Attached } from "./attached.ts";
import type { Moment } from "./moment.ts";
import type { Condition, Rule, RuleSink } from "./rule.ts";

/** What the conditions are asked about. */
export interface Facts {
  readonly ioas: IoasHandle | null;
  /** Absent: the devices attached to the space. */
  readonly device?: DeviceName | null;
  /** Absent: who made the event's call. */
  readonly actor?: Actor | null;
}

/** True or false where the recording tells, null where it does not. */
type Answer = boolean | null;

/** An actor is one object for all its events in a batch: it is matched once. */
const ANSWERS = new WeakMap<readonly string[], WeakMap<Actor, Answer>>();

/** Whether the rule applies; where the recording does not tell, that is noted and the answer is no. */
export function appliesTo(rule: Rule, moment: Moment, facts: Facts, sink: RuleSink): boolean {
  if (rule.where.length === 0 && rule.except.length === 0) return true;
  const included = allHold(rule.where, moment, facts);
  if (included === false) return false;
  const excepted = rule.except.length === 0 ? false : allHold(rule.except, moment, facts);
  if (excepted === true) return false;
  if (included === true && excepted === false) return true;
  sink.note(rule, moment.context, "some events do not tell what its conditions ask for, and were passed over");
  return false;
}

/** Whether it may apply to anything of a space, whoever does it with whatever device. */
export function concernsSpace({ where, except }: Rule, context: string, ioas: IoasHandle): boolean {
  const holds = ({ field, values }: Condition): Answer =>
    field === "context" ? isAnyOf(context, values) : field === "ioas" ? isAnyOf(`ioas${ioas}`, values) : null;
  return (
    where.every((one) => holds(one) !== false) && !(except.length > 0 && except.every((one) => holds(one) === true))
  );
}

function allHold(conditions: readonly Condition[], moment: Moment, facts: Facts): Answer {
  let answer: Answer = true;
  for (const condition of conditions) {
    const holds = answerOf(condition, moment, facts);
    if (holds === false) return false;
    if (holds === null) answer = null;
  }
  return answer;
}

function answerOf({ field, values }: Condition, { context, actor, attached }: Moment, facts: Facts): Answer {
  switch (field) {
    case "context":
      return isAnyOf(context, values);
    case "ioas":
      return facts.ioas === null ? null : isAnyOf(`ioas${facts.ioas}`, values);
    case "actor":
      return actorIsAnyOf(facts.actor === undefined ? actor : facts.actor, values);
    case "device":
      if (facts.device !== undefined) return facts.device === null ? null : deviceIsAnyOf(facts.device, values);
      return facts.ioas === null ? null : attachedIsAnyOf(attached, facts.ioas, values);
  }
}

/** By command name, by `comm-tid` or by `pid N`; null: the source does not say who it was. */
export function actorIsAnyOf(actor: Actor | null, values: readonly string[]): Answer {
  if (actor === null) return null;
  const known = ANSWERS.get(values) ?? new WeakMap<Actor, Answer>();
  const before = known.get(actor);
  if (before !== undefined) return before;
  const answer = matchActor(actor, values);
  ANSWERS.set(values, known.set(actor, answer));
  return answer;
}

function matchActor(actor: Actor, values: readonly string[]): Answer {
  if (actor.comm === null && actor.pid === null && actor.tid === null) return null;
  const number = actor.tid ?? actor.pid;
  const names = [
    ...(actor.comm === null ? [] : [actor.comm, `${actor.comm}-${number}`]),
    ...(actor.pid === null ? [] : [`pid ${actor.pid}`]),
  ];
  return names.some((name) => isAnyOf(name, values));
}

export function deviceIsAnyOf(device: DeviceName, values: readonly string[]): boolean {
  return isAnyOf(device, values) || isAnyOf(plainDevice(device), values.map(plainDevice));
}

function attachedIsAnyOf(attached: Attached, ioas: IoasHandle, values: readonly string[]): Answer {
  for (const device of attached.devicesOf(ioas)) if (deviceIsAnyOf(device, values)) return true;
  for (const device of attached.devicesOf(null)) if (deviceIsAnyOf(device, values)) return null;
  return false;
}

function isAnyOf(text: string, values: readonly string[]): boolean {
  return values.some((value) => (value.includes("*") ? globMatches(text, value) : value === text));
}

/** `*` stands for any text. Walked by hand: no pattern makes it slow. */
function globMatches(text: string, glob: string): boolean {
  const [head = "", ...parts] = glob.split("*");
  if (!text.startsWith(head)) return false;
  const tail = parts.pop() ?? "";
  let from = head.length;
  for (const part of parts) {
    const found = text.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return text.length - tail.length >= from && text.endsWith(tail);
}
