/** `forbid device in two contexts`: the one rule that looks across contexts, judged when all were read. */
import { isPciAddress, plainDevice } from "../device-name.ts";
import type { DeviceName, Recorded } from "../events.ts";
import { IoasisError } from "../failure.ts";
import { ContextState } from "../state.ts";
import { appliesTo } from "./conditions.ts";
import { readingOf } from "./reading.ts";
import type { Moment, Rule, RuleFold, RuleSink } from "./rule.ts";

/** Attachments that are remembered until all contexts were read. */
export const ATTACHMENTS_MAX = 100_000;

interface Stay {
  readonly context: string;
  readonly device: DeviceName;
  readonly attached: Recorded;
  /** The event that ended it; the last one of the recording where none did. */
  until: Recorded;
}

export interface ContextsLedger {
  /** The fold of one context. */
  fold(context: string): RuleFold;
  /** Tells the violations, once every context was folded. */
  finish(): void;
}

export function contextsLedger(rule: Rule, sink: RuleSink): ContextsLedger {
  const stays = new Map<DeviceName, Stay[]>();
  let count = 0;
  const enter = (moment: Moment, device: DeviceName): Stay => {
    const stay = { context: moment.context, device, attached: moment.recorded, until: moment.recorded };
    const key = keyOf(device);
    const known = stays.get(key);
    if (known === undefined) stays.set(key, [stay]);
    else known.push(stay);
    if (++count <= ATTACHMENTS_MAX) return stay;
    throw new IoasisError(
      "ERR_LIMIT",
      `rule "${rule.name}": more than ${ATTACHMENTS_MAX} attachments: narrow it with where device = ...`,
    );
  };
  return {
    fold: () => {
      const open = new Map<DeviceName, { stay: Stay; attachments: Set<number | null> }>();
      return {
        after(moment) {
          const { event } = moment.recorded;
          for (const { stay } of open.values()) stay.until = moment.recorded;
          if (event.type === "DeviceAttached") {
            if (!appliesTo(rule, moment, event, sink)) return;
            const here = open.get(event.device);
            if (here !== undefined) here.attachments.add(event.pasid);
            else if (!isPciAddress(plainDevice(event.device)))
              sink.note(rule, moment.context, `${event.device} is no PCI address, and may be another device elsewhere`);
            else open.set(event.device, { stay: enter(moment, event.device), attachments: new Set([event.pasid]) });
          } else if (event.type === "DeviceDetached") {
            const here = open.get(event.device);
            here?.attachments.delete(event.pasid);
            if (here?.attachments.size === 0) open.delete(event.device);
          }
        },
      };
    },
    finish() {
      for (const list of stays.values())
        for (let later = 1; later < list.length; later++) tellOverlap(rule, sink, list, later);
    },
  };
}

/** One violation for a stay, at the later of the two attaches. */
function tellOverlap(rule: Rule, sink: RuleSink, list: readonly Stay[], index: number): void {
  const one = list[index] as Stay;
  for (const other of list.slice(0, index)) {
    if (other.context === one.context) continue;
    const overlap = overlapOf(one, other);
    if (overlap === null) {
      sink.note(rule, one.context, `no clock says whether ${one.device} was in ${other.context} at the same time`);
      continue;
    }
    if (overlap === "none") continue;
    const [second, first] = overlap === "second" ? [one, other] : [other, one];
    const moment = { context: second.context, recorded: second.attached, state: new ContextState() };
    sink.violation(
      rule,
      moment,
      `${second.device} was attached in ${second.context} while it was attached in ${first.context} since version ${first.attached.version} there`,
    );
    return;
  }
}

/** Which of the two came second while the other was there; null: their clocks do not tell. */
function overlapOf(one: Stay, other: Stay): "first" | "second" | "none" | null {
  const [a, aEnd, b, bEnd] = [one.attached, one.until, other.attached, other.until].map(readingOf);
  if (a == null || aEnd == null || b == null || bEnd == null) return null;
  if (a.clock !== b.clock || aEnd.clock !== a.clock || bEnd.clock !== a.clock) return null;
  if (a.nanoseconds > bEnd.nanoseconds || b.nanoseconds > aEnd.nanoseconds) return "none";
  return a.nanoseconds >= b.nanoseconds ? "second" : "first";
}

function keyOf(device: DeviceName): DeviceName {
  const plain = plainDevice(device).toLowerCase();
  return /^[0-9a-f]{2}:/.test(plain) ? `0000:${plain}` : plain;
}
