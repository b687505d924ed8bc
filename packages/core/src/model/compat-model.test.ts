/** A container that an iommufd emulates, by its files: groups, devices, and the ioas that both kinds of calls share. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EventBatch } from "../event-batch.ts";
import type { JsonObject } from "../event-json.ts";
import { CompatModel } from "./compat-model.ts";
import { firstEvents, loadModel, modelOf } from "./profiles.ts";
import { contextCreated } from "./setup.ts";

const MSI = [{ range: ["0xfee00000", "0xfeefffff"], type: "msi" }];
const device = (bdf: string, group: number) => ({
  bdf,
  group,
  reserved: MSI,
  aperture: ["0x0", "0x7fffffffff"],
  pageSizes: "0x1000",
  dirtyTracking: false,
});
const FIRST = "0000:00:05.0";
const SECOND = "0000:00:06.0";
const HOST = {
  host: "h",
  devices: [device(FIRST, 2), device(SECOND, 3)],
  limits: { memlockBytes: "0x3000", mappingsMax: null },
};

const OPEN = { command: "OpenGroup", group: 2 };
const JOIN = { command: "SetContainer", group: 0, file: "container0" };
const V1 = { command: "SetIommu", container: 0, iommuType: 1 };
const V2 = { command: "SetIommu", container: 0, iommuType: 3 };
const GET_DEVICE = { command: "OpenDevice", group: 0, name: FIRST };
const map = (iova: string, size: string) => ({
  command: "MapDma",
  container: 0,
  flags: 3,
  userVa: "0x10000",
  iova,
  size,
});
const unmap = (iova: string, size: string) => ({
  command: "UnmapDma",
  container: 0,
  flags: 0,
  iova,
  size,
  bitmap: null,
});

function container(): CompatModel {
  const created = contextCreated({
    profile: "iommufd-vfio-compat",
    kernel: "6.12",
    policy: null,
    layout: null,
    hosts: [HOST],
    machine: null,
  });
  assert.ok(modelOf(created) instanceof CompatModel);
  const events = firstEvents(created);
  const batch = new EventBatch(1, 1, events.length);
  for (const event of events) batch.push(event, { stamp: null, actor: null, errno: null, line: 0 });
  return loadModel([batch]) as CompatModel;
}

function run(model: CompatModel, json: JsonObject) {
  return model.execute(model.commandOf(json));
}

const test = suite("contexts of iommufd-vfio-compat");

/** Calls in order, each with its errno and what it answers. */
type Row = readonly [JsonObject, string | null, unknown];

function play(model: CompatModel, rows: readonly Row[]): void {
  for (const [json, errno, out] of rows) {
    const outcome = run(model, json);
    assert.is(outcome.errno, errno, `${JSON.stringify(json)}: ${outcome.rule}`);
    assert.equal(outcome.out, out, JSON.stringify(json));
  }
}

test("groups and devices by their files, in the kernel's order of checks", () => {
  const model = container();
  const status = { command: "QueryGroupStatus", group: 0 };
  play(model, [
    [{ ...OPEN, group: 9 }, "ENOENT", null],
    [OPEN, null, 0],
    [OPEN, "EBUSY", null],
    [status, null, 1],
    [{ ...status, group: 5 }, "EBADF", null],
    [GET_DEVICE, "EINVAL", null],
    [{ ...GET_DEVICE, name: SECOND }, "ENODEV", null],
    [V2, "ENODEV", null],
    [{ ...V2, container: 1 }, "EBADF", null],
    [{ command: "UnsetContainer", group: 0 }, "EINVAL", null],
    [{ ...JOIN, file: "none" }, "EBADF", null],
    [{ ...JOIN, file: "group0" }, "EBADFD", null],
    [JOIN, null, {}],
    [JOIN, "EINVAL", null],
    [status, null, 3],
    [V2, null, {}],
    [map("0xfee00000", "0x1000"), null, {}],
    [GET_DEVICE, "EADDRINUSE", null],
    [unmap("0xfee00000", "0x1000"), null, { size: 0x1000n }],
    [GET_DEVICE, null, 0],
    [GET_DEVICE, null, 1],
    [map("0xfee00000", "0x1000"), "EINVAL", null],
    [{ command: "UnsetContainer", group: 0 }, null, {}],
    [{ command: "CloseFile", file: "group0" }, null, {}],
    [{ command: "CloseFile", file: "group0" }, "EBADF", null],
    [{ command: "CloseFile", file: "device0" }, null, {}],
  ]);
  assert.is(model.state.attachments.size, 1, "a second file holds it");
  play(model, [[{ command: "CloseFile", file: "device1" }, null, {}]]);
  assert.is(model.state.attachments.size, 0);
  assert.is(model.state.devices.size, 0);
});

test("the file is an iommufd too; its device files are not there", () => {
  const model = container();
  play(model, [
    [OPEN, null, 0],
    [JOIN, null, {}],
  ]);
  assert.is(run(model, { command: "UseVfioIoas", operation: 0 }).errno, null);
  assert.is(
    run(model, { command: "MapIova", ioas: "ioas0", prot: "rw", userVa: "0x0", iova: "0x0", length: "0x1000" }).errno,
    null,
  );
  assert.equal(run(model, unmap("0x0", "0x1000")).out, { size: 0x1000n });
  assert.throws(() => model.commandOf({ command: "BindVfioDevice", device: FIRST }), /one of OpenGroup/);
  assert.is(run(model, { command: "DestroyObject", object: "ioas0" }).errno, null);
  play(model, [[GET_DEVICE, "ENODEV", null]]);
  assert.is(model.state.devices.size, 0, "what was bound is let go");
});

test("pinned pages are charged to the process, up to RLIMIT_MEMLOCK", () => {
  const model = container();
  assert.is(model.state.rlimitMode, "mm");
  play(model, [
    [OPEN, null, 0],
    [JOIN, null, {}],
    [V2, null, {}],
    [GET_DEVICE, null, 0],
    [map("0x0", "0x2000"), null, {}],
    [map("0x10000", "0x2000"), "ENOMEM", null],
    [map("0x10000", "0x1000"), null, {}],
  ]);
});

test("a copy that TYPE1 cuts shares its pages until its last piece has gone", () => {
  const model = container();
  const copy = { command: "CopyIova", srcIoas: "ioas0", dstIoas: "ioas0", prot: "rw", length: "0x3000" };
  play(model, [
    [OPEN, null, 0],
    [JOIN, null, {}],
    [V1, null, {}],
    [map("0x0", "0x3000"), null, {}],
  ]);
  assert.is(run(model, { ...copy, srcIova: "0x0", dstIova: "0x100000" }).errno, null);
  const { copies } = model.environment;
  assert.is(copies.size, 1);
  assert.equal(run(model, unmap("0x101000", "0x1000")).out, { size: 0x1000n });
  assert.equal(run(model, unmap("0x100000", "0x1000")).out, { size: 0x1000n });
  assert.is(copies.size, 1);
  assert.equal(run(model, unmap("0x102000", "0x1000")).out, { size: 0x1000n });
  assert.is(copies.size, 0);
  assert.is(run(model, { ...copy, srcIova: "0x0", dstIova: "0x100000" }).errno, null);
  assert.is(run(model, { command: "DestroyObject", object: "ioas0" }).errno, null);
  assert.is(copies.size, 0);
});

test.run();
