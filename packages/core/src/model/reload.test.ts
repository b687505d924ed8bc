/** A model that folded a journal equals the one that decided: random commands, reloaded at random points. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EventBatch } from "../event-batch.ts";
import type { JsonObject } from "../event-json.ts";
import type { IoasEvent } from "../events.ts";
import type { ProfileName } from "../fact.ts";
import { layoutToJson } from "../layout/layout-json.ts";
import { layoutOf } from "../layout/layout-of.ts";
import { CompatModel } from "./compat-model.ts";
import { DriverModel } from "./driver-model.ts";
import { IommufdModel } from "./iommufd-model.ts";
import type { Model } from "./model.ts";
import { firstEvents, kernelOf, loadModel, modelOf } from "./profiles.ts";
import { type ContextCreated, contextCreated } from "./setup.ts";
import { SpaprDriver } from "./spapr-model.ts";
import { areaRows } from "./testing/area-rows.ts";
import { randomCommands } from "./testing/random-commands.ts";
import { Type1Driver } from "./type1-model.ts";

const COMMANDS = 1_500;
const RELOADS = 6;
const SEEDS = [1, 2, 3];

const MSI = [{ range: ["0xfee00000", "0xfeefffff"], type: "msi" }];
const LIMITS = { memlockBytes: "0x40000", mappingsMax: 12 };

function device(bdf: string, group: number, last: string, pageSizes: string, reserved: unknown): JsonObject {
  return { bdf, group, reserved, aperture: ["0x0", last], pageSizes, pasidBits: 0, dirtyTracking: true };
}

const X86 = [
  device("0000:00:05.0", 2, "0xffffffffffff", "0x1000", MSI),
  device("0000:00:06.0", 3, "0x7fffffff", "0x1000", []),
];
const POWER = [
  device("0000:00:05.0", 2, "0x3ffffff", "0x1211000", []),
  device("0000:00:06.0", 3, "0x3ffffff", "0x1211000", []),
];

/** The old sPAPR driver charges its whole 32-bit window at ENABLE. */
function hostOf(profile: ProfileName, machine: string | null): JsonObject {
  if (machine === null) return { host: "x86", devices: X86, limits: LIMITS };
  return {
    host: "power",
    devices: POWER,
    limits: { ...LIMITS, memlockBytes: profile === "spapr-tce" ? "0x8000000" : "0x100000" },
  };
}

/** Profile, kernel, and the machine of a POWER host or who implements a virtio-iommu. */
const CASES: readonly (readonly [ProfileName, string | null, string | null])[] = [
  ["iommufd", "6.12", null],
  ["iommufd", "7.3", null],
  ["vfio-type1v2", null, null],
  ["vfio-type1", null, null],
  ["spapr-tce-v2", "6.12", "pseries"],
  ["spapr-tce-v2", "7.3", "powernv"],
  ["spapr-tce", "6.12", "pseries"],
  ["spapr-tce", "6.12", "powernv"],
  ["iommufd-vfio-compat", "6.12", null],
  ["iommufd-vfio-compat", "7.3", null],
  ["virtio-iommu", null, "qemu"],
  ["virtio-iommu", null, "cloud-hypervisor"],
];
const GUEST = layoutToJson(layoutOf({ machine: "q35-9.2", memoryBytes: 1n << 32n, viommu: "virtio" }));

function createdFor(profile: ProfileName, kernel: string | null, machine: string | null): ContextCreated {
  const request = { profile, kernel: kernelOf(profile, kernel), policy: null, layout: null, machine };
  if (profile !== "virtio-iommu") return contextCreated({ ...request, hosts: [hostOf(profile, machine)] });
  const hosts = [hostOf(profile, null)];
  return contextCreated({ ...request, layout: GUEST, hosts, machine: null, implementation: machine ?? "" });
}

/** A history in memory: one batch a command. */
class Journal {
  readonly batches: EventBatch[] = [];
  version = 0;

  append(events: readonly IoasEvent[]): void {
    if (events.length === 0) return;
    const batch = new EventBatch(1, this.version + 1, events.length);
    for (const event of events) batch.push(event, { stamp: null, actor: null, errno: null, line: 0 });
    this.batches.push(batch);
    this.version = batch.lastVersion;
  }
}

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

for (const [profile, kernel, machine] of CASES)
  test(`${profile}${kernel === null ? "" : ` ${kernel}`}${machine === null ? "" : ` ${machine}`}`, () => {
    for (const seed of SEEDS) {
      const created = createdFor(profile, kernel, machine);
      const journal = new Journal();
      journal.append(firstEvents(created));
      let model = modelOf(created);
      model.fold(journal.batches[0] as EventBatch);
      let done = 0;
      const commands = randomCommands(profile, seed, COMMANDS);
      for (const [i, json] of commands.entries()) {
        const outcome = model.execute(model.commandOf(json));
        if (outcome.errno === null && outcome.events.length > 0) done++;
        journal.append(outcome.events);
        assert.is(model.state.version, journal.version);
        if (i % 50 === 0) assert.equal(copiesWithoutArea(model), [], `seed ${seed}, command ${i}`);
        if (i % Math.floor(COMMANDS / RELOADS) !== 0) continue;
        const loaded = loadModel(journal.batches);
        assert.equal(plain(loaded.state), plain(model.state), `seed ${seed}, command ${i}`);
        assert.equal(driverOf(loaded), driverOf(model), `seed ${seed}, command ${i}`);
        // From here on the loaded one decides.
        model = loaded;
      }
      assert.ok(done > COMMANDS / 20, `seed ${seed}: only ${done} commands did anything`);
    }
  });

test.run();
