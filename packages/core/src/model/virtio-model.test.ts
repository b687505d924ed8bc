/** What a virtio-iommu context is made from, what is refused by name, and what its answers hold. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { JsonObject } from "../event-json.ts";
import type { ViommuKind } from "../layout/layout.ts";
import { layoutToJson } from "../layout/layout-json.ts";
import { layoutOf } from "../layout/layout-of.ts";
import { modelOf } from "./profiles.ts";
import { contextCreated, type SetupRequest } from "./setup.ts";
import { VirtioIommuModel } from "./virtio-model.ts";

const test = suite("contexts of virtio-iommu");

const layout = (viommu?: ViommuKind) =>
  layoutToJson(layoutOf({ machine: "q35-9.2", memoryBytes: 1n << 32n, ...(viommu === undefined ? {} : { viommu }) }));
const FACTS = { group: 1, reserved: [], aperture: ["0x0", "0x7fffffffff"], pageSizes: "0x1000" };
const device = (bdf: string, facts: object = {}) => ({ bdf, ...FACTS, ...facts });
const host = (...devices: readonly object[]) => ({ host: "h", devices, limits: { memlockBytes: null } });
const HOST = host(device("0000:00:05.0"), device("0001:01:00.1"));

function request(change: Partial<SetupRequest> = {}): SetupRequest {
  return {
    profile: "virtio-iommu",
    kernel: null,
    policy: null,
    layout: layout("virtio"),
    hosts: [HOST],
    machine: null,
    implementation: "qemu",
    ...change,
  };
}

function modelBy(change: Partial<SetupRequest> = {}): VirtioIommuModel {
  const model = modelOf(contextCreated(request(change)));
  assert.instance(model, VirtioIommuModel);
  return model as VirtioIommuModel;
}

const REFUSED: readonly (readonly [string, Partial<SetupRequest>, RegExp])[] = [
  ["another implementation", { implementation: "crosvm" }, /--implementation qemu or cloud-hypervisor/],
  ["no layout", { layout: null }, /--layout FILE/],
  ["no vIOMMU", { layout: layout() }, /vIOMMU is none/],
  ["another vIOMMU", { layout: layout("intel") }, /vIOMMU is intel/],
  ["no endpoint", { hosts: [] }, /--host FILE for assigned devices, --endpoint NUMBER/],
  ["no PCI address", { hosts: [host(device("dprc.2"))] }, /--endpoint NUMBER=dprc.2/],
  ["one number twice", { hosts: [host(device("0000:00:05.0"), device("0001:00:05.0"))] }, /would be endpoint 40/],
  ["an unknown device", { endpoints: [{ endpoint: 8, device: "x" }] }, /the hosts have no device x/],
  [
    "one device twice",
    {
      endpoints: [
        { endpoint: 8, device: "0000:00:05.0" },
        { endpoint: 9, device: "0000:00:05.0" },
      ],
    },
    /would be two endpoints/,
  ],
  ["an aperture that is not told", { hosts: [host(device("0000:00:05.0", { aperture: null }))] }, /"aperture"/],
  ["regions that are not told", { hosts: [host(device("0000:00:05.0", { reserved: null }))] }, /"reserved"/],
  ["an endpoint that is none", { endpoints: [{ endpoint: -1, device: null }] }, /endpoint .* is expected/],
];
for (const [name, change, message] of REFUSED)
  test(`refused: ${name}`, () => {
    assert.throws(() => modelBy(change), message);
  });

test("endpoints: the hosts' devices at their own addresses, or those that are named", () => {
  assert.equal([...modelBy().environment.endpoints.keys()], [40, 257]);
  const named = [
    { endpoint: 24, device: "0000:00:05.0" },
    { endpoint: 8, device: null },
  ];
  const { endpoints, reserved, inputRange } = modelBy({ endpoints: named }).environment;
  assert.equal([...endpoints.keys()], [24, 8]);
  assert.equal(
    endpoints.get(24)?.reserved.map(({ first }) => first),
    [0x80_0000_0000n],
  );
  assert.equal(endpoints.get(8), { reserved: [], hostRanges: null });
  assert.equal(
    reserved.map(({ first, type }) => [first, type]),
    [[0xfee0_0000n, "msi"]],
  );
  assert.is(inputRange.last, 0x7f_ffff_ffffn, "the width of the layout");
});

const attach = { command: "AttachEndpoint", domain: 1, endpoint: 40 };
const map = (first: string, last: string): JsonObject => ({
  command: "MapRange",
  domain: 1,
  virtStart: first,
  virtEnd: last,
  physStart: "0x0",
  flags: 1,
});

for (const [implementation, wide] of [
  ["qemu", "OK"],
  ["cloud-hypervisor", "RANGE"],
] as const)
  test(`${implementation}: answers hold the status, and a mapping is in the state`, () => {
    const model = modelBy({ implementation });
    const run = (json: JsonObject) => model.execute(model.commandOf(json));
    assert.equal(run(map("0x0", "0xfff")).out, { status: "NOENT" });
    assert.equal(run(attach).out, { status: "OK" });
    assert.equal(run(map("0x0", "0xfff")).out, { status: "OK" });
    const outside = run(map("0x8000000000", "0x8000000fff"));
    assert.equal(outside.out, { status: wide });
    assert.is(outside.bug, implementation === "qemu" ? "virtio-iommu-map-reserved" : null);
    const unknown = run({ command: "UnknownRequest", type: 9 });
    assert.equal(
      [unknown.errno, unknown.out],
      implementation === "qemu" ? ["ENOSYS", { status: "UNSUPP" }] : ["EIO", { status: null }],
    );
    assert.is(model.state.liveMappings, implementation === "qemu" ? 2 : 1);
    assert.throws(() => model.commandOf({ command: "MapIova" }), /one of AttachEndpoint/);
  });

test.run();
