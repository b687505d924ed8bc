/** `forbid device in two contexts`: the one rule that looks across contexts, judged when all were read. */
import { isPciAddress, plainDevice } from "../device-name.ts";
import type { DeviceName, Recorded } from "../events.ts";
import { IoasisError } from "../failure.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import type { Rule, RuleFold, RuleSink } from "./rule.ts";
import { type Stay, tellOverlaps } from "./stay-overlaps.ts";

/** Attachments that are remembered until all contexts were read. */
const ATTACHMENTS_MAX = 100_000;

export interface ContextsLedger {
  /** The fold of one context. */
  fold(): RuleFold;
  /** Tells the violations, once every context was folded. */
  finish(): void;
}

interface OpenStay {
  readonly attached: Recorded;
  readonly pasids: Set<number | null>;
}

export function contextsLedger(rule: Rule, sink: RuleSink): ContextsLedger {
  const stays = new Map<DeviceName, Stay[]>();
  let count = 0;
  const close = (context: string, device: DeviceName, { attached }: OpenStay, until: Recorded): void => {
    const key = keyOf(device);
    const known = stays.get(key);
    const stay = { context, device, attached, until };
    if (known === undefined) stays.set(key, [stay]);
    else known.push(stay);
  };
  return {
    fold: () => {
      const open = new Map<DeviceName, OpenStay>();
      return {
        types: ["DeviceAttached", "DeviceDetached"],
        after(moment) {
          const { event } = moment.recorded;
          if (event.type === "DeviceAttached") {
            const here = open.get(event.device);
            if (!appliesTo(rule, moment, event, sink)) return;
            if (here !== undefined) here.pasids.add(event.pasid);
            else if (isComparable(rule, moment, event.device, sink)) {
              checkCount(rule, ++count);
              open.set(event.device, { attached: moment.recorded, pasids: new Set([event.pasid]) });
            }
          } else if (event.type === "DeviceDetached") {
            const here = open.get(event.device);
            if (here === undefined || !here.pasids.delete(event.pasid) || here.pasids.size > 0) return;
            open.delete(event.device);
            close(moment.context, event.device, here, moment.recorded);
          }
        },
        end({ context, recorded }) {
          for (const [device, here] of open) close(context, device, here, recorded);
          open.clear();
        },
      };
    },
    finish() {
      for (const list of stays.values())
        tellOverlaps(list, {
          overlap: (second, first) => tellOverlap(rule, sink, second, first),
          unsure: (one, other) =>
            sink.note(
              rule,
              one.context,
              `no clock says whether ${one.device} was in ${other.context} at the same time`,
            ),
        });
    },
  };
}

function checkCount(rule: Rule, count: number): void {
  if (count <= ATTACHMENTS_MAX) return;
  throw new IoasisError(
    "ERR_LIMIT",
    `rule "${rule.name}": more than ${ATTACHMENTS_MAX} attachments: narrow it with where device = ...`,
  );
}

function isComparable(rule: Rule, { context }: Moment, device: DeviceName, sink: RuleSink): boolean {
  if (isPciAddress(plainDevice(device))) return true;
  sink.note(rule, context, `${device} is no PCI address, and may be another device elsewhere`);
  return false;
}

function tellOverlap(rule: Rule, sink: RuleSink, second: Stay, first: Stay): void {
  sink.violation(
    rule,
    { context: second.context, recorded: second.attached },
    `${second.device} was attached in ${second.context} while it was attached in ${first.context} since version ${first.attached.version} there`,
  );
}

function keyOf(device: DeviceName): DeviceName {
  const plain = plainDevice(device).toLowerCase();
  return /^[0-9a-f]{2}:/.test(plain) ? `0000:${plain}` : plain;
}
