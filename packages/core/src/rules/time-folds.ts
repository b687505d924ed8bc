/** Rules that look at the clock. Readings of different clocks are never compared. */
import { AreaTable } from "../area-table.ts";
import type { Actor, IoasHandle } from "../events.ts";
import { IoasisError } from "../failure.ts";
import { appliesTo } from "./conditions.ts";
import { Queue } from "./queue.ts";
import { type Reading, readingOf } from "./reading.ts";
import type { Moment, Nanoseconds, Rule, RuleFold, RuleSink } from "./rule.ts";
import { sharedRange } from "./shared-range.ts";
import { actorWords, rangeWords, secondsWords, spaceWords } from "./wording.ts";

/** Mappings or unmaps that one rule may have under its eyes at once. */
export const TIMED_ENTRIES_MAX = 4_000_000;
const DEAD_ENTRIES_MAX = 4_096;

interface Entry extends Reading {
  readonly ioas: IoasHandle;
  readonly iova: bigint;
  readonly last: bigint;
  readonly version: number;
  readonly actor: Actor | null;
}

/** `limit age`: told at the first event after it grew too old, at the latest at its unmap. */
export function ageFold(rule: Rule, limit: Nanoseconds, sink: RuleSink): RuleFold {
  const queues = new Map<string, Queue<Entry>>();
  let sweepAt = DEAD_ENTRIES_MAX;
  let size = 0;
  const sweep = (moment: Moment): void => {
    size = 0;
    for (const [clock, queue] of queues) {
      queue.keep((entry) => isMapped(moment, entry));
      if (queue.length === 0) queues.delete(clock);
      size += queue.length;
    }
    sweepAt = 2 * size + DEAD_ENTRIES_MAX;
    withinLimit(rule, size);
  };
  return {
    before(moment) {
      const now = readingOf(moment.recorded);
      const queue = now === null ? undefined : queues.get(now.clock);
      if (now === null || queue === undefined) return;
      for (let oldest = queue.head(); oldest !== undefined; oldest = queue.head()) {
        const age = now.nanoseconds - oldest.nanoseconds;
        if (age <= limit) return;
        queue.shift();
        size--;
        tellOld(rule, moment, sink, oldest, age);
      }
    },
    after(moment) {
      const { event, version, actor } = moment.recorded;
      if (event.type !== "IovaMapped") return;
      const now = readingOf(moment.recorded);
      if (now === null) {
        sink.note(rule, moment.context, "some mappings have no time");
        return;
      }
      const { ioas, iova, last } = event;
      const entry = { ...now, ioas, iova, last, version, actor };
      queueOf(queues, now.clock).push(entry);
      if (++size >= sweepAt) sweep(moment);
    },
  };
}

function tellOld(rule: Rule, moment: Moment, sink: RuleSink, entry: Entry, age: Nanoseconds): void {
  if (!isMapped(moment, entry) || !appliesTo(rule, moment, { ioas: entry.ioas, actor: entry.actor }, sink)) return;
  sink.violation(
    rule,
    moment,
    `${rangeWords(entry.iova, entry.last)} in ${spaceWords(moment, entry.ioas)} is mapped for ` +
      `${secondsWords(age)}, since version ${entry.version} by ${actorWords(entry.actor)}`,
  );
}

function isMapped({ state }: Moment, { ioas, iova, last, version }: Entry): boolean {
  for (const area of state.space(ioas).areas.in(iova, last)) if (area.version === version) return true;
  return false;
}

function queueOf(queues: Map<string, Queue<Entry>>, clock: string): Queue<Entry> {
  const known = queues.get(clock);
  if (known !== undefined) return known;
  const queue = new Queue<Entry>();
  queues.set(clock, queue);
  return queue;
}

function withinLimit(rule: Rule, size: number): void {
  if (size <= TIMED_ENTRIES_MAX) return;
  throw new IoasisError(
    "ERR_LIMIT",
    `line ${rule.line}: rule "${rule.name}" has more than ${TIMED_ENTRIES_MAX} ranges to watch at once: choose a shorter time`,
    { line: rule.line },
  );
}

/** `forbid reuse within T`: a range that was unmapped less than T ago is mapped again. */
export function reuseFold(rule: Rule, within: Nanoseconds, sink: RuleSink): RuleFold {
  const spaces = new Map<IoasHandle, AreaTable>();
  const unmaps = new Map<number, Reading>();
  const queues = new Map<string, Queue<Entry>>();
  let size = 0;
  const forget = (now: Reading): void => {
    const queue = queues.get(now.clock);
    if (queue === undefined) return;
    for (let oldest = queue.head(); oldest !== undefined; oldest = queue.head()) {
      const { ioas, iova: from, last: to, version: unmap, nanoseconds } = oldest;
      if (now.nanoseconds - nanoseconds <= within) return;
      for (const { iova, last, version } of [...(spaces.get(ioas)?.in(from, to) ?? [])])
        if (version === unmap) spaces.get(ioas)?.remove(iova, last);
      unmaps.delete(unmap);
      queue.shift();
      size--;
    }
    queues.delete(now.clock);
  };
  const remember = (moment: Moment, ioas: IoasHandle, iova: bigint, last: bigint): void => {
    const now = readingOf(moment.recorded);
    if (now === null) {
      sink.note(rule, moment.context, "some unmaps have no time");
      return;
    }
    const { version, actor } = moment.recorded;
    let table = spaces.get(ioas);
    if (table === undefined) spaces.set(ioas, (table = new AreaTable()));
    table.remove(iova, last);
    table.insert(iova, last, 0, 0n, -1, null, version);
    unmaps.set(version, now);
    queueOf(queues, now.clock).push({ ...now, ioas, iova, last, version, actor });
    withinLimit(rule, ++size);
  };
  return {
    before(moment) {
      const { event } = moment.recorded;
      const now = readingOf(moment.recorded);
      if (now !== null) forget(now);
      if (event.type === "IoasDestroyed") spaces.delete(event.ioas);
      if (event.type !== "IovaUnmapped" && event.type !== "WindowRemoved") return;
      const space = moment.state.space(event.ioas);
      let pieces = 0;
      for (const area of space.areas.in(event.iova, event.last)) {
        const gone = sharedRange(area.iova, area.last, event.iova, event.last);
        remember(moment, event.ioas, gone.first, gone.last);
        pieces++;
      }
      // What was mapped before the recording began is known by its unmap alone.
      if (pieces === 0 && event.type === "IovaUnmapped" && event.bytes > 0n && !space.isWhole)
        remember(moment, event.ioas, event.iova, event.last);
    },
    after(moment) {
      const { event } = moment.recorded;
      if (event.type !== "IovaMapped") return;
      const table = spaces.get(event.ioas);
      if (table === undefined || !table.overlaps(event.iova, event.last)) return;
      tellReuse(rule, moment, sink, table, unmaps, within);
      table.remove(event.iova, event.last);
    },
  };
}

function tellReuse(
  rule: Rule,
  moment: Moment,
  sink: RuleSink,
  table: AreaTable,
  unmaps: ReadonlyMap<number, Reading>,
  within: Nanoseconds,
): void {
  const { event } = moment.recorded;
  const now = readingOf(moment.recorded);
  if (event.type !== "IovaMapped") return;
  for (const { iova, last, version } of table.in(event.iova, event.last)) {
    const then = unmaps.get(version);
    if (then === undefined || now === null || now.clock !== then.clock) {
      sink.note(rule, moment.context, "some mappings have no time on the clock of the unmap before them");
      continue;
    }
    const elapsed = now.nanoseconds - then.nanoseconds;
    if (elapsed > within || !appliesTo(rule, moment, { ioas: event.ioas }, sink)) continue;
    const again = sharedRange(iova, last, event.iova, event.last);
    const shared = rangeWords(again.first, again.last);
    sink.violation(
      rule,
      moment,
      `${shared} in ${spaceWords(moment, event.ioas)} was mapped again ${secondsWords(elapsed)} after version ${version} unmapped it`,
    );
    return;
  }
}
