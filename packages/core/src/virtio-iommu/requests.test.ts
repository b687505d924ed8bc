/** The order of checks of each request in both devices, and what requests leave behind. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { U64_MAX } from "../address.ts";
import { errnoOfName } from "../errno.ts";
import type { VirtioIommuCommand } from "./commands.ts";
import { endpointMode } from "./endpoint-mode.ts";
import {
  endpointOfHostDevice,
  type Implementation,
  type VirtioIommuEnvironment,
  virtioIommuEnvironment,
} from "./environment.ts";
import { errnoOfStatus, VIRTIO_IOMMU_STATUSES } from "./status.ts";
import { Model } from "./testing/model.ts";

const test = suite("virtio-iommu requests");

const attach = { command: "AttachEndpoint", domain: 5, endpoint: 24, flags: 0 } as const;
const detach = { command: "DetachEndpoint", domain: 1, endpoint: 24 } as const;
const map = {
  command: "MapRange",
  domain: 1,
  virtStart: 0x8000n,
  virtEnd: 0x8fffn,
  physStart: 0x10_0000n,
  flags: 3,
} as const;
const unmap = { command: "UnmapRange", domain: 1, virtStart: 0x1000n, virtEnd: 0x2fffn } as const;
const probe = { command: "ProbeEndpoint", endpoint: 24 } as const;

const NARROW: Partial<VirtioIommuEnvironment> = {
  inputRange: { first: 0n, last: 0xffff_ffffn } as VirtioIommuEnvironment["inputRange"],
};

/** Domain 1: endpoints 24 and 40, mappings [0x1000, 0x1fff], [0x2000, 0x3fff], [0x6000, 0x6fff]. Domain 2: bypass, endpoint 8. */
function model(implementation: Implementation, change: Partial<VirtioIommuEnvironment> = {}): Model {
  const made = new Model({ implementation, ...change });
  made.attach(1, 24);
  made.attach(1, 40);
  made.attach(2, 8, 1);
  made.map(1, 0x1000n, 0x1fffn);
  made.map(1, 0x2000n, 0x3fffn);
  made.map(1, 0x6000n, 0x6fffn);
  return made;
}

type Row = readonly [rule: string, status: string | null, command: VirtioIommuCommand];

/** Each row of a request has one more thing put right than the row above it. */
const ORDER: Readonly<Record<Implementation, readonly Row[]>> = {
  qemu: [
    ["virtio_iommu_iov_to_req", "INVAL", { ...attach, requestBytes: 19, flags: 2 }],
    ["virtio_iommu_attach, 5.13.6.3: unknown flag", "INVAL", { ...attach, flags: 2, endpoint: 99 }],
    ["virtio_iommu_get_endpoint, 5.13.6.3", "NOENT", { ...attach, domain: 2, endpoint: 99 }],
    ["virtio_iommu_get_domain, 5.13.6.3", "INVAL", { ...attach, domain: 2 }],
    ["virtio_iommu_get_domain, 5.13.6.3", "INVAL", { ...attach, domain: 1, endpoint: 8, flags: 1 }],
    ["virtio_iommu_iov_to_req", "INVAL", { ...detach, requestBytes: 19, endpoint: 99 }],
    ["virtio_iommu_detach, 5.13.6.4: no such", "NOENT", { ...detach, endpoint: 99 }],
    ["virtio_iommu_detach, 5.13.6.4: not attached", "INVAL", { ...detach, domain: 2 }],
    ["virtio_iommu_detach, 5.13.6.4: not attached", "INVAL", { ...detach, domain: 9 }],
    ["virtio_iommu_iov_to_req", "INVAL", { ...map, requestBytes: 35, flags: 8 }],
    ["virtio_iommu_map, 5.13.6.5: unknown flag", "INVAL", { ...map, flags: 8, domain: 9 }],
    ["virtio_iommu_map, 5.13.6.5: no such domain", "NOENT", { ...map, domain: 9 }],
    ["virtio_iommu_map, 5.13.6.5: a bypass", "INVAL", { ...map, domain: 2 }],
    ["virtio_iommu_map, 5.13.6.5: something", "INVAL", { ...map, virtStart: 0x3fffn }],
    ["5.13.6.5: virt_end", "INVAL", { ...map, virtEnd: 0x7fffn }],
    ["virtio_iommu_iov_to_req", "INVAL", { ...unmap, requestBytes: 27, domain: 9 }],
    ["virtio_iommu_unmap, 5.13.6.6: no such domain", "NOENT", { ...unmap, domain: 9 }],
    ["virtio_iommu_unmap, 5.13.6.6: a bypass", "INVAL", { ...unmap, domain: 2 }],
    ["virtio_iommu_unmap: it ends", "RANGE", { ...unmap, virtStart: 0x3000n, virtEnd: 0x2fffn }],
    ["virtio_iommu_unmap, 5.13.6.6: it cuts", "RANGE", unmap],
    ["virtio_iommu_iov_to_req", "INVAL", { ...probe, requestBytes: 71, endpoint: 99 }],
    ["virtio_iommu_probe, 5.13.6.7", "NOENT", { ...probe, endpoint: 99 }],
    ["virtio_iommu_handle_command", "UNSUPP", { command: "UnknownRequest", type: 6 }],
  ],
  "cloud-hypervisor": [
    ["Request::parse, ATTACH: another length", "INVAL", { ...attach, requestBytes: 21, flags: 2 }],
    ["Request::parse, ATTACH, 5.13.6.3: reserved", "INVAL", { ...attach, reserved: 1, domain: 2 }],
    ["Request::parse, ATTACH, 5.13.6.3: reserved", "INVAL", { ...attach, flags: 2, domain: 2 }],
    ["Request::parse, ATTACH, 5.13.6.3: the domain", "INVAL", { ...attach, domain: 2 }],
    ["Request::parse, DETACH", "INVAL", { ...detach, requestBytes: 21 }],
    ["Request::parse, MAP: another length", "INVAL", { ...map, requestBytes: 37, flags: 8 }],
    ["Request::parse, MAP, 5.13.6.5: unknown flag", "INVAL", { ...map, flags: 8, virtEnd: U64_MAX }],
    ["Request::parse, MAP, 5.13.6: outside", "RANGE", { ...map, virtEnd: 0x1_0000_0000n, domain: 9 }],
    ["Request::parse, MAP, 5.13.6.5: no such domain", "NOENT", { ...map, domain: 9, virtEnd: 0n }],
    ["Request::parse, MAP, 5.13.6.5: a bypass", "INVAL", { ...map, domain: 2, virtEnd: 0n }],
    ["Request::parse, MAP: it ends", "RANGE", { ...map, virtEnd: 0x7fffn }],
    ["Request::parse, MAP: it ends", "RANGE", { ...map, physStart: 0xffff_ffff_ffff_f001n }],
    ["Request::parse, MAP, 5.13.6.5: not whole", "RANGE", { ...map, virtStart: 0x3fffn }],
    ["Request::parse, MAP, 5.13.6.5: not whole", "RANGE", { ...map, physStart: 0x800n }],
    ["Request::parse, MAP, 5.13.6.5: something", "INVAL", { ...map, virtStart: 0x3000n }],
    ["Request::parse, MAP: the host", "DEVERR", { ...map, virtStart: 0xfee0_0000n, virtEnd: 0xfee0_0fffn }],
    ["Request::parse, UNMAP: another", "INVAL", { ...unmap, requestBytes: 29, virtEnd: U64_MAX }],
    ["Request::parse, UNMAP, 5.13.6: outside", "RANGE", { ...unmap, virtEnd: U64_MAX, domain: 9 }],
    ["Request::parse, UNMAP, 5.13.6.6: no such", "NOENT", { ...unmap, domain: 9 }],
    ["Request::parse, UNMAP, 5.13.6.6: a bypass", "INVAL", { ...unmap, domain: 2 }],
    ["Request::parse, UNMAP: it ends", "RANGE", { ...unmap, virtStart: 0x3000n }],
    ["Request::parse, UNMAP, 5.13.6.6: it cuts", "RANGE", unmap],
    ["Request::parse, PROBE", "INVAL", { ...probe, requestBytes: 71 }],
    ["Request::parse, 5.13.6.2", null, { command: "UnknownRequest", type: 6 }],
  ],
};

/** PROBE of a device whose regions do not fit. */
const CRAMPED: readonly Row[] = [["virtio_iommu_fill_resv_mem_prop, 5.13.6.7", "INVAL", probe]];

for (const [rule, status, command] of CRAMPED)
  test(`qemu: ${rule} ${status}`, () => {
    const outcome = model("qemu", { probeBytes: 23 }).ask(command);
    assert.is(outcome.status, status);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  });

for (const implementation of ["qemu", "cloud-hypervisor"] as const)
  for (const [rule, status, command] of ORDER[implementation])
    test(`${implementation}: ${rule} ${status}`, () => {
      const outcome = model(implementation, implementation === "qemu" ? {} : NARROW).ask(command);
      assert.is(outcome.status, status);
      assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
      assert.is(outcome.errno, errnoOfStatus(status as "INVAL" | null));
      assert.is(outcome.out, null);
      assert.match(String(outcome.events.at(-1)?.type), /Refused$/);
    });

const A = [0x1000n, 0x1fffn] as const;
const B = [0x2000n, 0x3fffn] as const;
const C = [0x6000n, 0x6fffn] as const;

/** What is mapped in domain 1 after a request, in both devices. */
const EFFECTS: readonly (readonly [
  rule: string,
  implementation: Implementation,
  command: VirtioIommuCommand,
  status: string,
  mappings: readonly (readonly [bigint, bigint])[] | null,
  bug: string | null,
])[] = [
  [
    "5.13.6.6 (1): an UNMAP of nothing",
    "qemu",
    { ...unmap, virtStart: 0x8000n, virtEnd: U64_MAX },
    "OK",
    [A, B, C],
    null,
  ],
  ["5.13.6.6 (7): holes", "qemu", { ...unmap, virtStart: 0n, virtEnd: 0x7fffn }, "OK", [], null],
  ["virtio_iommu_unmap: everything", "qemu", { ...unmap, virtStart: 0n, virtEnd: U64_MAX }, "OK", [], null],
  ["5.13.6.6 (4): a cut alone", "qemu", { ...unmap, virtStart: 0x2000n }, "RANGE", [A, B, C], null],
  ["virtio_iommu_unmap: a cut behind a whole one", "qemu", unmap, "RANGE", [B, C], "virtio-iommu-unmap-order"],
  ["Request::parse, UNMAP: checked first", "cloud-hypervisor", unmap, "RANGE", [A, B, C], null],
  ["Request::parse, UNMAP: whole ones", "cloud-hypervisor", { ...unmap, virtEnd: 0x3fffn }, "OK", [C], null],
  [
    "virtio_iommu_map: single bytes",
    "qemu",
    { ...map, virtStart: 0x8001n, virtEnd: 0x8001n, physStart: 1n },
    "OK",
    [A, B, C, [0x8001n, 0x8001n]],
    null,
  ],
  [
    "5.13.6.8: a reserved region",
    "qemu",
    { ...map, virtStart: 0xfee0_0000n, virtEnd: 0xfee0_0fffn },
    "OK",
    [A, B, C, [0xfee0_0000n, 0xfee0_0fffn]],
    "virtio-iommu-map-reserved",
  ],
  ["interval_cmp: backwards", "qemu", { ...map, virtEnd: 0x7fffn }, "INVAL", [A, B, C], "virtio-iommu-map-backwards"],
  ["virtio_iommu_attach: the domain has another endpoint", "qemu", { ...attach, domain: 1 }, "OK", [A, B, C], null],
  ["virtio_iommu_device_reset", "qemu", { command: "ResetDevice" }, "OK", null, null],
  ["Iommu::reset", "cloud-hypervisor", { command: "ResetDevice" }, "OK", [A, B, C], "virtio-iommu-reset-keeps"],
  [
    "detach_endpoint_from_domain: another domain",
    "cloud-hypervisor",
    { ...detach, domain: 9 },
    "OK",
    [A, B, C],
    "virtio-iommu-detach-other",
  ],
];

for (const [rule, implementation, command, status, mappings, bug] of EFFECTS)
  test(`${implementation}: ${rule}`, () => {
    const host = model(implementation);
    const outcome = host.run(command);
    assert.is(outcome.status, status);
    assert.equal(host.mappings(1), mappings);
    assert.is(outcome.bug?.name ?? null, bug);
  });

test("a domain comes with its first endpoint and goes with its last (virtio_iommu_put_domain)", () => {
  const host = new Model();
  assert.is(host.map(1, 0n, 0xfffn).status, "NOENT");
  host.attach(1, 8);
  host.attach(1, 24);
  host.map(1, 0n, 0xfffn);
  host.detach(1, 8);
  assert.equal(host.mappings(1), [[0n, 0xfffn]]);
  host.detach(1, 24);
  assert.is(host.mappings(1), null);
  host.attach(1, 24);
  assert.equal(host.mappings(1), []);
  assert.is(host.state.spaces.length, 2);
  assert.is(host.detach(1, 8).status, "INVAL");
});

test("an endpoint that is attached again: QEMU empties its domain, cloud-hypervisor leaves it", () => {
  for (const [implementation, left] of [
    ["qemu", []],
    ["cloud-hypervisor", [[0n, 0xfffn]]],
  ] as const) {
    const host = new Model({ implementation });
    host.attach(1, 8);
    host.map(1, 0n, 0xfffn);
    assert.is(host.attach(1, 8).status, "OK");
    assert.equal(host.mappings(1), left);
  }
});

test("an ATTACH that fails for the domain's kind has left the old domain in QEMU, not in cloud-hypervisor", () => {
  for (const [implementation, left] of [
    ["qemu", null],
    ["cloud-hypervisor", []],
  ] as const) {
    const host = new Model({ implementation });
    host.attach(1, 8);
    host.attach(2, 24, 1);
    assert.is(host.attach(2, 8).status, "INVAL");
    assert.equal(host.mappings(1), left);
  }
});

test("bypass mode (5.13.6): by the domain's kind, else by config.bypass", () => {
  const host = model("qemu");
  assert.is(endpointMode(host.state, 24, host.environment), "translated");
  assert.is(endpointMode(host.state, 8, host.environment), "bypass");
  host.detach(1, 24);
  assert.is(endpointMode(host.state, 24, host.environment), "bypass");
  assert.is(endpointMode(host.state, 24, { ...host.environment, bypass: false }), "blocked");
});

test("PROBE tells the regions of the machine and of the host, and an ATTACH reserves them", () => {
  const host = model("qemu");
  assert.equal(host.ask({ command: "ProbeEndpoint", endpoint: 40 }).out, {
    regions: [
      { first: 0xfee0_0000n, last: 0xfeef_ffffn, type: "msi" },
      { first: 0x80_0000_0000n, last: U64_MAX, type: "reserved" },
    ],
  });
  assert.equal(
    host.state.spaceOfKernelId(1)?.reservations.map(({ owner }) => owner),
    ["device:endpoint 24", "device:endpoint 40", "device:endpoint 40"],
  );
  host.detach(1, 40);
  assert.is(host.state.spaceOfKernelId(1)?.reservations.length, 1);
  host.environment = { ...host.environment, reserved: [], probeBytes: 0 };
  assert.is(host.ask(probe).status, "OK");
});

/** Each row: a device that is full, one thing after the other. */
const FULL: readonly Row[] = [
  ["Request::parse, MAP: MAX_MAPPINGS", "NOMEM", { ...map, virtStart: 0x1000n, virtEnd: 0x1fffn }],
  ["Request::parse, MAP, 5.13.6.5: something", "INVAL", { ...map, virtStart: 0n, virtEnd: 0xfffn }],
  ["Request::parse, ATTACH: MAX_DOMAINS", "NOMEM", { ...attach, domain: 7 }],
];

test("limits: 2^20 mappings a domain, 2^16 domains in cloud-hypervisor", () => {
  const host = new Model({ implementation: "cloud-hypervisor" });
  host.attach(1, 8);
  const { areas } = host.state.spaceOfKernelId(1) as NonNullable<ReturnType<typeof host.state.spaceOfKernelId>>;
  for (let i = 0n; i < 1n << 20n; i++) areas.insert(i << 13n, (i << 13n) + 0xfffn, 3, 0n, -1, null, 1);
  while (host.state.spaces.length < 65_536) host.state.space(host.state.spaces.length);
  for (const [rule, status, command] of FULL) {
    const outcome = host.ask(command);
    assert.is(outcome.status, status, rule);
    assert.ok(outcome.rule?.startsWith(rule), `${outcome.rule}`);
  }
  assert.is(host.ask({ ...attach, domain: 1 }).status, "OK");
});

test("a layout's vIOMMU as a device", () => {
  const viommu = { kind: "virtio", addressBits: 39, granuleBytes: 0x1_0000n } as const;
  const made = virtioIommuEnvironment("qemu", viommu, [], new Map());
  assert.is(made.inputRange.last, 0x7f_ffff_ffffn);
  assert.is(made.pageSizeMask, 0xffff_ffff_ffff_0000n);
});

test("an assigned device's host as an endpoint", () => {
  const range = (first: bigint, last: bigint) => ({ first, last }) as VirtioIommuEnvironment["inputRange"];
  const { reserved, hostRanges } = endpointOfHostDevice({
    bdf: "0000:00:05.0",
    group: 2,
    reserved: [
      { ...range(0xa_0000n, 0xb_ffffn), type: "direct" },
      { ...range(0xc_0000n, 0xc_ffffn), type: "direct-relaxable" },
      { ...range(0xfee0_0000n, 0xfeef_ffffn), type: "msi" },
    ],
    aperture: range(0n, 0x7f_ffff_ffffn),
    pageSizes: null,
    pasidBits: null,
    dirtyTracking: null,
  });
  assert.equal(reserved, [
    { first: 0xa_0000n, last: 0xb_ffffn, type: "reserved" },
    { first: 0x80_0000_0000n, last: U64_MAX, type: "reserved" },
  ]);
  assert.equal(hostRanges, [
    { first: 0n, last: 0x9_ffffn },
    { first: 0xc_0000n, last: 0xfedf_ffffn },
    { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
  ]);
});

test("every status has its number and an errno that the project knows", () => {
  assert.is(VIRTIO_IOMMU_STATUSES.indexOf("NOMEM"), 8);
  for (const status of VIRTIO_IOMMU_STATUSES)
    if (status !== "OK") assert.ok(errnoOfName(errnoOfStatus(status)) !== null, status);
});

test.run();
