/** Recorded calls through the model of a context: its projection is the driver's own mappings, at every step. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conformFile } from "../conform/conform-file.ts";
import { SpaprReplay } from "../conform/spapr-replay.ts";
import { Type1Replay } from "../conform/type1-replay.ts";
import { EventBatch } from "../event-batch.ts";
import type { IoasEvent, IoasHandle } from "../events.ts";
import type { SpaprEvent } from "../spapr/events.ts";
import type { Type1Event } from "../type1/events.ts";
import { DriverModel, type ModelledDriver } from "./driver-model.ts";
import { SpaprDriver } from "./spapr-model.ts";
import { type AreaRow, areaRows } from "./testing/area-rows.ts";
import { Type1Driver } from "./type1-model.ts";

const RECORDINGS = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/conform");

/** Mappings of the driver in each container that has one. */
interface Played<Event> {
  readonly make: () => ModelledDriver<Event> & { readonly spaces: ReadonlyMap<number, IoasHandle> };
  readonly mappings: (driver: ModelledDriver<Event>, container: number) => AreaRow[];
}

/** A replay's events go through a model as well; a second one folds its journal. */
class Shadow<Event> {
  readonly #played: Played<Event>;
  readonly driver: ReturnType<Played<Event>["make"]>;
  readonly model: DriverModel<Event>;
  readonly journal: IoasEvent[] = [];
  steps = 0;

  constructor(played: Played<Event>) {
    this.#played = played;
    this.driver = played.make();
    this.model = new DriverModel(this.driver);
  }

  take(events: readonly Event[]): void {
    this.journal.push(...this.model.record(events));
    this.check(this.driver, this.model);
    this.steps++;
  }

  check(driver: ReturnType<Played<Event>["make"]>, model: DriverModel<Event>): void {
    for (const [container, ioas] of driver.spaces) {
      const own = this.#played.mappings(driver, container);
      assert.equal(areaRows(model.state.space(ioas).areas), own, `after ${this.steps} calls`);
    }
    for (const space of model.state.liveSpaces)
      assert.ok([...driver.spaces.values()].includes(space.handle), "a living space has a driver");
  }

  reload(): void {
    const driver = this.#played.make();
    const model = new DriverModel(driver);
    const batch = new EventBatch(1, 1, this.journal.length);
    for (const event of this.journal) batch.push(event, { stamp: null, actor: null, errno: null, line: 0 });
    model.fold(batch);
    this.check(driver, model);
    const mapped = (of: typeof driver) =>
      [...of.spaces].map(([container, ioas]) => [container, ioas, this.#played.mappings(of, container)]);
    assert.equal(mapped(driver), mapped(this.driver));
  }
}

const test = suite("recordings through models");

function play<Event>(
  folder: string,
  prototype: { apply: (events: readonly Event[]) => void },
  played: PlayedFor<Event>,
) {
  const original = prototype.apply;
  let steps = 0;
  for (const file of filesIn(folder)) {
    const shadows = new Map<object, Shadow<Event>>();
    prototype.apply = function apply(this: object, events: readonly Event[]) {
      const shadow = shadows.get(this) ?? new Shadow(played(this));
      shadows.set(this, shadow);
      original.call(this, events);
      shadow.take(events);
    } as typeof original;
    try {
      assert.equal(conformFile(linesOf(file)).disagreed, [], file);
    } finally {
      prototype.apply = original;
    }
    for (const shadow of shadows.values()) {
      shadow.reload();
      steps += shadow.steps;
    }
  }
  assert.ok(steps > 0);
}

type PlayedFor<Event> = (replay: object) => Played<Event>;

function filesIn(folder: string): string[] {
  return readdirSync(path.join(RECORDINGS, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.includes(".jsonl"))
    .map((name) => path.join(RECORDINGS, folder, name))
    .sort();
}

function linesOf(file: string): string[] {
  const bytes = readFileSync(file);
  return (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString().split("\n");
}

test("type1", () =>
  play<Type1Event>("type1", Type1Replay.prototype, (replay) => ({
    make: () => new Type1Driver((replay as Type1Replay).environment),
    mappings: (driver, container) => {
      const own = (driver as Type1Driver).type1.containers[container]?.driver;
      return own === null || own === undefined ? [] : areaRows(own.mappings);
    },
  })));

test("sPAPR", () =>
  play<SpaprEvent>("spapr", SpaprReplay.prototype, (replay) => ({
    make: () => new SpaprDriver((replay as SpaprReplay).environment),
    mappings: (driver, container) => {
      const windows = (driver as SpaprDriver).spapr.containers[container]?.driver?.windows ?? [];
      return windows
        .flatMap((window) => (window === null ? [] : areaRows(window.table)))
        .sort(([a], [b]) => (a < b ? -1 : 1));
    },
  })));

test.run();
