/** `forbid reuse within T`: a range that was unmapped less than T ago is mapped again. */
import { AreaTable } from "../area-table.ts";
import type { IoasHandle } from "../events.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import { destroyedBy, PLACE_TYPES, placeOf } from "./place.ts";
import type { Reading } from "./reading.ts";
import type { Nanoseconds, Rule, RuleFold, RuleSink } from "./rule.ts";
import { sharedRange } from "./shared-range.ts";
import { TimedRanges } from "./timed-ranges.ts";
import { rangeWords, secondsWords, spaceWords } from "./wording.ts";

export function reuseFold(rule: Rule, within: Nanoseconds, sink: RuleSink): RuleFold {
  const unmapped = new Unmapped(rule);
  return {
    types: PLACE_TYPES,
    before(moment) {
      const { clock, state, type } = moment;
      if (clock !== null) unmapped.forget(clock, moment.nanoseconds, within);
      const destroyed = destroyedBy(moment);
      if (destroyed !== null) return unmapped.forgetSpace(destroyed);
      if (type === "IovaMapped") return;
      const place = placeOf(moment);
      if (place === null) return;
      const { ioas, first, last } = place;
      const space = state.space(ioas);
      let isKnown = false;
      space.areas.someIn(first, last, (areaFirst, areaLast) => {
        isKnown = true;
        const gone = sharedRange(areaFirst, areaLast, first, last);
        remember(rule, moment, sink, unmapped, ioas, gone.first, gone.last);
        return false;
      });
      // What was mapped before the recording began is known by its unmap alone.
      if (!isKnown && !space.isWhole && hasUnmapped(moment)) remember(rule, moment, sink, unmapped, ioas, first, last);
    },
    after(moment) {
      if (moment.type !== "IovaMapped") return;
      const table = unmapped.tableOf(moment.ioas);
      if (table === undefined || !table.overlaps(moment.first, moment.last)) return;
      tellReuse(rule, moment, sink, unmapped, table, within);
      table.remove(moment.first, moment.last);
    },
  };
}

function hasUnmapped({ recorded: { event } }: Moment): boolean {
  return event.type === "IovaUnmapped" && event.bytes > 0n;
}

function remember(
  rule: Rule,
  moment: Moment,
  sink: RuleSink,
  unmapped: Unmapped,
  ioas: IoasHandle,
  first: bigint,
  last: bigint,
): void {
  if (moment.clock === null) sink.note(rule, moment.context, "some unmaps have no time");
  else unmapped.add(ioas, first, last, moment.version, { clock: moment.clock, nanoseconds: moment.nanoseconds });
}

/** What was unmapped within the time, by space. */
class Unmapped {
  readonly #tables = new Map<IoasHandle, AreaTable>();
  readonly #times = new Map<number, Reading>();
  readonly #ranges: TimedRanges;

  constructor(rule: Rule) {
    this.#ranges = new TimedRanges(rule);
  }

  tableOf(ioas: IoasHandle): AreaTable | undefined {
    return this.#tables.get(ioas);
  }

  /** When version `unmap` was. */
  timeOf(unmap: number): Reading | undefined {
    return this.#times.get(unmap);
  }

  add(ioas: IoasHandle, first: bigint, last: bigint, version: number, time: Reading): void {
    const table = this.#tables.get(ioas) ?? new AreaTable();
    this.#tables.set(ioas, table);
    table.remove(first, last);
    table.insert(first, last, 0, 0n, -1, null, version);
    this.#times.set(version, time);
    this.#ranges.push({ ...time, ioas, first, last, version, actor: null });
  }

  forget(clock: string, nanoseconds: bigint, within: Nanoseconds): void {
    for (;;) {
      const range = this.#ranges.shiftOlder(clock, nanoseconds, within);
      if (range === null) return;
      this.#times.delete(range.version);
      const table = this.#tables.get(range.ioas);
      if (table === undefined) continue;
      for (const { iova, last, version } of [...table.in(range.first, range.last)])
        if (version === range.version) table.remove(iova, last);
    }
  }

  forgetSpace(ioas: IoasHandle): void {
    this.#tables.delete(ioas);
  }
}

function tellReuse(
  rule: Rule,
  moment: Moment,
  sink: RuleSink,
  unmapped: Unmapped,
  table: AreaTable,
  within: Nanoseconds,
): void {
  const { ioas, clock } = moment;
  for (const { iova, last, version } of table.in(moment.first, moment.last)) {
    const then = unmapped.timeOf(version);
    if (then === undefined || clock !== then.clock) {
      sink.note(rule, moment.context, "some mappings have no time on the clock of the unmap before them");
      continue;
    }
    const elapsed = moment.nanoseconds - then.nanoseconds;
    if (elapsed > within || !appliesTo(rule, moment, { ioas }, sink)) continue;
    const again = sharedRange(iova, last, moment.first, moment.last);
    const where = `${rangeWords(again.first, again.last)} in ${spaceWords(moment, ioas)}`;
    sink.violation(
      rule,
      moment,
      `${where} was mapped again ${secondsWords(elapsed)} after version ${version} unmapped it`,
    );
    return;
  }
}
