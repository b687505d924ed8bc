/** `diff`: what is mapped and attached differently at two versions. */
import { type Area, attachmentKey, type ContextState, type Space } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { type AreaJson, areaToJson } from "./area-json.ts";
import { indexOf } from "./context-index.ts";
import { type DeviceJson, deviceToJson } from "./device-json.ts";
import { type EventMark, markAt } from "./event-mark.ts";
import { type Narrowing, spacesOf } from "./narrowing.ts";

export interface DiffAnswer {
  readonly context: string;
  readonly from: number;
  readonly to: number;
  readonly fromEvent: EventMark;
  readonly toEvent: EventMark;
  readonly equal: boolean;
  readonly added: readonly AreaJson[];
  readonly removed: readonly AreaJson[];
  /** Of the same space and first byte, with another end, right or source. */
  readonly changed: readonly { readonly before: AreaJson; readonly after: AreaJson }[];
  /** Areas that were unmapped and mapped again as they were: no difference of the state. */
  readonly remapped: number;
  readonly devices: { readonly added: readonly DeviceJson[]; readonly removed: readonly DeviceJson[] };
}

/** @throws IoasisError ERR_USAGE as `spacesOf`, ERR_VERSION */
export function diff(
  journal: Journal,
  context: string,
  from: number,
  to: number,
  narrowing: Narrowing = {},
): DiffAnswer {
  const index = indexOf(journal, context);
  const before = index.stateAt(from);
  const after = index.stateAt(to);
  // A space or a device that came later is still a fair thing to ask for.
  const chosen = spacesOf(to >= from ? after : before, narrowing);
  const found = { added: [] as AreaJson[], removed: [] as AreaJson[], changed: [] as Changed[], remapped: 0 };
  for (let handle = 0; handle < Math.max(before.spaces.length, after.spaces.length); handle++)
    if (chosen === null || chosen.has(handle)) diffSpace(before.spaces[handle], after.spaces[handle], handle, found);
  const added = devicesBeside(after, before, chosen);
  const removed = devicesBeside(before, after, chosen);
  const counts = [found.added, found.removed, found.changed, added, removed];
  return {
    context,
    from,
    to,
    fromEvent: markAt(index, from),
    toEvent: markAt(index, to),
    equal: counts.every(({ length }) => length === 0),
    ...found,
    devices: { added, removed },
  };
}

type Changed = DiffAnswer["changed"][number];

interface Found {
  readonly added: AreaJson[];
  readonly removed: AreaJson[];
  readonly changed: Changed[];
  remapped: number;
}

/** Both sides in order of address, side by side. */
function diffSpace(before: Space | undefined, after: Space | undefined, ioas: number, found: Found): void {
  const olds = areasOf(before);
  const news = areasOf(after);
  let old = olds.next();
  let young = news.next();
  while (!old.done || !young.done) {
    if (young.done || (!old.done && old.value.iova < young.value.iova)) {
      if (!old.done) found.removed.push(areaToJson(old.value, ioas));
      old = olds.next();
    } else if (old.done || young.value.iova < old.value.iova) {
      found.added.push(areaToJson(young.value, ioas));
      young = news.next();
    } else {
      diffArea(old.value, young.value, ioas, found);
      old = olds.next();
      young = news.next();
    }
  }
}

function diffArea(before: Area, after: Area, ioas: number, found: Found): void {
  if (before.version === after.version && before.last === after.last) return;
  const pair = { before: areaToJson(before, ioas), after: areaToJson(after, ioas) };
  const content = ({ last, prot, source }: AreaJson): string => JSON.stringify([last, prot, source]);
  if (content(pair.before) === content(pair.after)) found.remapped++;
  else found.changed.push(pair);
}

function* areasOf(space: Space | undefined): Generator<Area, undefined> {
  if (space?.isAlive === true) yield* space.areas.all();
}

/** Attachments of `state` that `other` has not, or has to another space or page table. */
function devicesBeside(state: ContextState, other: ContextState, chosen: ReadonlySet<number> | null): DeviceJson[] {
  const result: DeviceJson[] = [];
  for (const attachment of state.attachments.values()) {
    const { device, pasid, ioas, hwpt } = attachment;
    if (chosen !== null && ioas !== null && !chosen.has(ioas)) continue;
    const same = other.attachments.get(attachmentKey(device, pasid));
    if (same === undefined || same.ioas !== ioas || same.hwpt !== hwpt) result.push(deviceToJson(attachment));
  }
  return result;
}
