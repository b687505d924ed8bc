/** A model that folded a journal equals the one that decided: random commands, reloaded at random points. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { EventBatch } from "../event-batch.ts";
import { CompatModel } from "./compat-model.ts";
import { DriverModel } from "./driver-model.ts";
import { IommufdModel } from "./iommufd-model.ts";
import type { Model } from "./model.ts";
import { firstEvents, loadModel, modelOf } from "./profiles.ts";
import { SpaprDriver } from "./spapr-model.ts";
import { areaRows } from "./testing/area-rows.ts";
import { randomCommands } from "./testing/random-commands.ts";
import { CONTEXT_CASES, caseName, createdFor, MemoryHistory } from "./testing/random-contexts.ts";
import { Type1Driver } from "./type1-model.ts";

const COMMANDS = 1_500;
const RELOADS = 6;
const SEEDS = [1, 2, 3];

/** All that a model remembers beside its projection. */
function driverOf(model: Model): unknown {
  if (model instanceof CompatModel) return [plain(model.files), plain(model.environment.copies)];
  if (model instanceof IommufdModel) return plain(model.environment.copies);
  if (!(model instanceof DriverModel)) return null;
  const { driver } = model;
  if (driver instanceof Type1Driver) return [driver.spaces, plain(driver.type1)];
  return driver instanceof SpaprDriver ? [driver.spaces, plain(driver.spapr)] : null;
}

/** What a model remembers of areas that are gone. */
function copiesWithoutArea(model: Model): number[] {
  if (!(model instanceof IommufdModel || model instanceof CompatModel)) return [];
  const living = model.state.liveSpaces.flatMap(({ areas }) => [...areas.all()].map(({ version }) => version));
  return [...model.environment.copies.keys()].filter((version) => !living.includes(version));
}

/** Tables of areas as rows, so that they can be compared; versions in them are the driver's own. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("at" in value && "all" in value) return areaRows(value as Parameters<typeof areaRows>[0]);
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) return [...value].map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

const test = suite("models from their journals");

for (const context of CONTEXT_CASES)
  test(caseName(context), () => {
    const [profile] = context;
    for (const seed of SEEDS) {
      const created = createdFor(context);
      const history = new MemoryHistory();
      history.append(firstEvents(created));
      let model = modelOf(created);
      model.fold(history.batches[0] as EventBatch);
      let done = 0;
      const commands = randomCommands(profile, seed, COMMANDS);
      for (const [i, json] of commands.entries()) {
        const outcome = model.execute(model.commandOf(json));
        if (outcome.errno === null && outcome.events.length > 0) done++;
        history.append(outcome.events);
        assert.is(model.state.version, history.version);
        if (i % 50 === 0) assert.equal(copiesWithoutArea(model), [], `seed ${seed}, command ${i}`);
        if (i % Math.floor(COMMANDS / RELOADS) !== 0) continue;
        const loaded = loadModel(history.batches);
        assert.equal(plain(loaded.state), plain(model.state), `seed ${seed}, command ${i}`);
        assert.equal(driverOf(loaded), driverOf(model), `seed ${seed}, command ${i}`);
        // From here on the loaded one decides.
        model = loaded;
      }
      assert.ok(done > COMMANDS / 20, `seed ${seed}: only ${done} commands did anything`);
    }
  });

test.run();
