/**
 * A driver with events of its own (type1, sPAPR) as a model of a context.
 *
 * One event of the driver is journaled in one of two ways. Where a single hot event says all of it (a map,
 * an unmap), that is the record. Otherwise it is a `DriverChanged` with the event itself and `facts`, the
 * number of events right behind it that say the same in the words of address spaces; loading passes over those.
 */
import type { AreaTable } from "../area-table.ts";
import type { EventBatch } from "../event-batch.ts";
import type { JsonObject } from "../event-json.ts";
import { eventAt } from "../event-row.ts";
import type { DriverChange, IoasEvent } from "../events.ts";
import type { ContextState } from "../state.ts";
import { type CommandTable, commandFromJson } from "./command-fields.ts";
import { LiveState } from "./live-state.ts";
import type { Model, ModelCommand, ModelOutcome } from "./model.ts";
import type { SavedDriver, SavedModel } from "./saved-model.ts";

/** What a driver's call comes to: its own events, and the one that a refusal leaves. */
export interface DriverOutcome<Event> extends Omit<ModelOutcome, "events"> {
  readonly events: readonly Event[];
  readonly refusal: IoasEvent | null;
}

/** All methods see the state before the event. */
export interface ModelledDriver<Event> {
  readonly commands: CommandTable;
  decide(command: ModelCommand): DriverOutcome<Event>;
  /** The one event that says all of it, or null. */
  compact(event: Event): IoasEvent | null;
  /** The driver's event that `compact` made this of; null: none of the driver's. */
  expand(event: IoasEvent): Event | null;
  /** What it changes in address spaces. */
  facts(event: Event, state: ContextState): readonly IoasEvent[];
  /** `nextIoas`: the handle of the next space. */
  apply(event: Event, nextIoas: number): void;
  toChange(event: Event): DriverChange;
  fromChange(change: DriverChange): Event;
  /** `facts`: of the model, see `DriverModel`. */
  save(facts: number): { readonly driver: SavedDriver; readonly tables: readonly AreaTable[] };
}

const NO_FACTS: readonly IoasEvent[] = [];

export class DriverModel<Event> implements Model {
  readonly driver: ModelledDriver<Event>;
  readonly #live: LiveState;
  /** Events that are still to come and say what the driver knows already. */
  #facts: number;

  constructor(driver: ModelledDriver<Event>, state?: ContextState, facts = 0) {
    this.driver = driver;
    this.#live = new LiveState(state);
    this.#facts = facts;
  }

  get state(): ContextState {
    return this.#live.state;
  }

  commandOf(json: JsonObject): ModelCommand {
    return commandFromJson(json, this.driver.commands);
  }

  execute(command: ModelCommand): ModelOutcome {
    const { errno, returned, rule, events, out, bug, refusal } = this.driver.decide(command);
    return { errno, returned, rule, events: this.record(events, refusal), out, bug };
  }

  /** Folds what the driver did, and gives it as events of the journal. */
  record(events: readonly Event[], refusal: IoasEvent | null = null): IoasEvent[] {
    const recorded: IoasEvent[] = [];
    for (const event of events) {
      const compact = this.driver.compact(event);
      const facts = compact === null ? this.driver.facts(event, this.state) : NO_FACTS;
      this.driver.apply(event, this.state.spaces.length);
      this.#take(compact ?? this.#changed(event, facts.length), recorded);
      for (const fact of facts) this.#take(fact, recorded);
    }
    if (refusal !== null) this.#take(refusal, recorded);
    return recorded;
  }

  #take(event: IoasEvent, recorded: IoasEvent[]): void {
    this.#live.add(event);
    recorded.push(event);
  }

  fold(batch: EventBatch, from = 0, to = batch.length): void {
    for (let row = from; row < to; row++) {
      if (this.#facts > 0) this.#facts--;
      else this.#foldDriver(eventAt(batch, row));
      this.#live.fold(batch, row);
    }
  }

  save(): SavedModel {
    return { state: this.state, ...this.driver.save(this.#facts) };
  }

  #foldDriver(event: IoasEvent): void {
    if (event.type === "DriverChanged") {
      const { facts, ...change } = event.change;
      this.driver.apply(this.driver.fromChange(change), this.state.spaces.length);
      this.#facts = facts as number;
      return;
    }
    const own = this.driver.expand(event);
    if (own !== null) this.driver.apply(own, this.state.spaces.length);
  }

  #changed(event: Event, facts: number): IoasEvent {
    return { type: "DriverChanged", change: { ...this.driver.toChange(event), facts } };
  }
}
