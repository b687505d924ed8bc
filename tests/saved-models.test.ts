/**
 * A live context that opens from its saved model answers as one that folded its whole history: random commands on
 * every profile and under every policy, saved at random versions.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeModel, encodeModel, sealModel, spaceDigest } from "../packages/codec/src/index.ts";
import {
  type EventBatch,
  firstEvents,
  loadModel,
  type Model,
  modelOf,
  POLICIES,
  type Policy,
  resumeModel,
} from "../packages/core/src/index.ts";
import { areaRows } from "../packages/core/src/model/testing/area-rows.ts";
import { randomCommands, randomOf } from "../packages/core/src/model/testing/random-commands.ts";
import {
  CONTEXT_CASES,
  type ContextCase,
  caseName,
  createdFor,
  MemoryHistory,
} from "../packages/core/src/model/testing/random-contexts.ts";

const COMMANDS = 500;
const CUTS = 4;
/** Of the commands behind the history: both models answer them. */
const ANSWERS = 100;
const SEEDS = [1, 2];
const DIGEST = "ab".repeat(32);
/** Whom a policy can hold: of the others every map names its IOVA, or nobody asks them. */
const HELD: Readonly<Record<Policy, RegExp>> = {
  "kernel-managed": /^iommufd$/,
  fixed: /^(iommufd|vfio-type1|vfio-type1v2|spapr-tce|spapr-tce-v2)$/,
  "host-derived": /^(iommufd|vfio-type1|vfio-type1v2|spapr-tce-v2)$/,
};

/** Folds versions `from` ... `to`. */
function fold(model: Model, batches: readonly EventBatch[], from: number, to: number): void {
  for (const batch of batches) {
    const rows = [from - batch.firstVersion, to + 1 - batch.firstVersion].map((row) =>
      Math.min(Math.max(0, row), batch.length),
    );
    model.fold(batch, rows[0], rows[1]);
  }
}

function throughBytes(model: Model): ReturnType<Model["save"]> {
  const stored = decodeModel(sealModel(encodeModel("c0ffee", model.save()), DIGEST));
  assert.equal([stored.contextId, stored.digest], ["c0ffee", DIGEST]);
  return stored.model;
}

/** All that a model is. */
function plain(model: Model): unknown {
  const { state, driver, tables } = model.save();
  const spaces = state.spaces.map(({ areas, known, ...rest }) => ({
    ...rest,
    areas: [...areas.all()],
    known: known.ranges(),
  }));
  return { ...state, hwpts: [...state.hwpts], spaces, driver, tables: tables.map(areaRows) };
}

function play(context: ContextCase, policy: Policy | null, seed: number): void {
  const [profile] = context;
  const created = createdFor(context, policy);
  const history = new MemoryHistory();
  history.append(firstEvents(created));
  const live = modelOf(created);
  live.fold(history.batches[0] as EventBatch);
  const commands = randomCommands(profile, seed, COMMANDS + ANSWERS);
  let done = 0;
  for (const json of commands.slice(0, COMMANDS)) {
    const { errno, events } = live.execute(live.commandOf(json));
    if (errno === null && events.length > 0) done++;
    history.append(events);
  }
  assert.ok(done > COMMANDS / 50, `${caseName(context)} ${policy ?? ""}, seed ${seed}: ${done} commands did anything`);

  const random = randomOf(seed * 977);
  const versions = Array.from({ length: CUTS }, () => 1 + random(history.version));
  for (const version of [...versions, history.version]) {
    const hint = `${caseName(context)} ${policy ?? ""}, seed ${seed}, saved at ${version} of ${history.version}`;
    const before = modelOf(created);
    fold(before, history.batches, 1, version);
    const resumed = resumeModel(created, throughBytes(before));
    fold(resumed, history.batches, version + 1, history.version);
    const folded = loadModel(history.batches);
    assert.equal(plain(resumed), plain(folded), hint);
    for (const json of commands.slice(COMMANDS)) {
      const [answer, expected] = [resumed, folded].map((model) => model.execute(model.commandOf(json)));
      assert.equal(answer, expected, `${hint}: ${JSON.stringify(json)}`);
    }
    assert.is(spaceDigest(resumed.state), spaceDigest(folded.state), hint);
    assert.equal(plain(resumed), plain(folded), hint);
  }
}

const test = suite("saved models");

for (const context of CONTEXT_CASES)
  test(caseName(context), () => {
    for (const seed of SEEDS) play(context, null, seed);
  });

for (const policy of POLICIES)
  test(`under the policy ${policy}`, () => {
    for (const context of CONTEXT_CASES) if (HELD[policy].test(context[0])) play(context, policy, 3);
  });

test.run();
