/** A row for each rule: what is asked, of which host, and what the kernel would say (docs/precheck.md names the functions). */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Iova } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { hostsFromJson } from "../host/host-json.ts";
import type { HostProfile } from "../host/host-profile.ts";
import type { LayoutOptions } from "../layout/layout.ts";
import { layoutOf } from "../layout/layout-of.ts";
import { GIB, MIB, TIB } from "../layout/size.ts";
import { ContextState } from "../state.ts";
import { type Demand, demandOfLayout, demandOfState, type Needs } from "./demand.ts";
import { precheck } from "./precheck.ts";
import { precheckToJson } from "./precheck-json.ts";

const test = suite("precheck");

const MSI = { range: ["0xfee00000", "0xfeefffff"], type: "msi" };
const HYPERTRANSPORT = { range: ["0xfd00000000", "0xffffffffff"], type: "reserved" };
const WIDE = {
  bdf: "a",
  reserved: [MSI],
  aperture: ["0x0", "0xffffffffffff"],
  pageSizes: "0x40201000",
  pasidBits: 0,
  dirtyTracking: false,
};
const FREE = { memlockBytes: "unlimited", mappingsMax: "unlimited" };

const hostOf = (device: object, limits: object = {}): HostProfile =>
  hostsFromJson({ host: "h", devices: [{ ...WIDE, ...device }], limits: { ...FREE, ...limits } })[0] as HostProfile;
const layoutDemand = (
  machine: string,
  memoryBytes: bigint,
  more: Partial<LayoutOptions> = {},
  needs: Needs = {},
): Demand => demandOfLayout(layoutOf({ machine, memoryBytes, ...more }), needs);
/** `rule number, errno, name` of each refusal. */
const refusals = (demand: Demand, host: HostProfile): string[] =>
  (precheck(demand, [host]).hosts[0]?.conflicts ?? [])
    .filter(({ isRefusal }) => isRefusal)
    .map(({ rule, errno, name }) => `${rule.split(" ")[0]} ${errno} ${name}`);

const Q35 = layoutDemand("q35-9.2", 8n * GIB);
const ROWS: readonly (readonly [string, Demand, HostProfile, readonly string[]])[] = [
  ["8 GiB behind 48 bits", Q35, hostOf({}), []],
  [
    "P1: memory above 36 bits",
    layoutDemand("q35-9.2", 100n * GIB),
    hostOf({ aperture: ["0x0", "0xfffffffff"] }),
    ["P1 EINVAL ram-above-4g"],
  ],
  [
    "P1: an aperture that begins above 0",
    Q35,
    hostOf({ aperture: ["0x1000", "0xffffffffffff"] }),
    ["P1 EINVAL ram-below-4g"],
  ],
  [
    "P1: device memory counts",
    layoutDemand("q35-9.2", 8n * GIB, { maxMemoryBytes: TIB }),
    hostOf({ aperture: ["0x0", "0x7fffffffff"] }),
    ["P1 EINVAL device-memory"],
  ],
  [
    "P1: a window costs peer-to-peer DMA only",
    layoutDemand("q35-9.2", 8n * GIB, { pciHole64Bytes: TIB }),
    hostOf({ aperture: ["0x0", "0x7fffffffff"] }),
    [],
  ],
  [
    "P2: virtio-iommu of 64 bits on 48",
    layoutDemand("q35-8.2", 8n * GIB, { viommu: "virtio" }),
    hostOf({}),
    ["P2 EINVAL vIOMMU of 64 bits"],
  ],
  ["P2: virtio-iommu of 39 bits on 48", layoutDemand("q35-9.0", 8n * GIB, { viommu: "virtio" }), hostOf({}), []],
  [
    "P3: HyperTransport",
    layoutDemand("q35-9.2", TIB),
    hostOf({ reserved: [MSI, HYPERTRANSPORT] }),
    ["P3 EINVAL ram-above-4g"],
  ],
  [
    "P3: a firmware reservation",
    Q35,
    hostOf({ reserved: [{ range: ["0x7d000000", "0x7d00ffff"], type: "direct" }] }),
    ["P3 EINVAL ram-below-4g"],
  ],
  [
    "direct-relaxable binds nobody",
    Q35,
    hostOf({ reserved: [{ range: ["0x0", "0xffffff"], type: "direct-relaxable" }] }),
    [],
  ],
  [
    "a range beyond the aperture is told once",
    layoutDemand("q35-9.2", TIB),
    hostOf({ aperture: ["0x0", "0x7fffffffff"], reserved: [HYPERTRANSPORT] }),
    ["P1 EINVAL ram-above-4g"],
  ],
  [
    "P4: pages of 256 KiB",
    Q35,
    hostOf({ pageSizes: "0x40000" }),
    ["P4 EINVAL ram-below-4g", "P4 EINVAL pc.rom", "P4 EINVAL pc.bios"],
  ],
  ["P4: pages of 64 KiB", Q35, hostOf({ pageSizes: "0x10000" }), []],
  [
    "P4: a granule below the page",
    layoutDemand("virt-8.2", 2n * GIB, { viommu: "virtio", viommuBits: 48 }),
    hostOf({ pageSizes: "0x10000", reserved: [] }),
    ["P4 EINVAL vIOMMU granule"],
  ],
  [
    "P5: aw-bits of 48 on 39",
    layoutDemand("q35-9.2", 8n * GIB, { viommu: "intel" }),
    hostOf({ aperture: ["0x0", "0x7fffffffff"] }),
    ["P5 EINVAL vIOMMU of 48 bits"],
  ],
  [
    "P5: aw-bits of 39 on 39",
    layoutDemand("q35-9.1", 8n * GIB, { viommu: "intel" }),
    hostOf({ aperture: ["0x0", "0x7fffffffff"] }),
    [],
  ],
  ["P6: memory over the limit", Q35, hostOf({}, { memlockBytes: "0x200000000" }), ["P6 ENOMEM locked memory"]],
  [
    "P6: with every slot filled",
    layoutDemand("q35-9.2", 8n * GIB, { maxMemoryBytes: 16n * GIB, slots: 2 }),
    hostOf({}, { memlockBytes: "0x280000000" }),
    ["P6 ENOMEM locked memory"],
  ],
  [
    "P6: two devices behind a vIOMMU pin twice",
    layoutDemand("q35-9.2", 8n * GIB, { viommu: "intel", devices: 2 }),
    hostOf({}, { memlockBytes: "0x280000000" }),
    ["P6 ENOMEM locked memory"],
  ],
  [
    "P6: two devices without one pin once",
    layoutDemand("q35-9.2", 8n * GIB, { devices: 2 }),
    hostOf({}, { memlockBytes: "0x280000000" }),
    [],
  ],
  [
    "P7: only the BARs are too much",
    layoutDemand("q35-9.2", 8n * GIB, { barBytes: 4n * GIB }),
    hostOf({}, { memlockBytes: "0x280000000" }),
    ["P7 ENOMEM locked memory"],
  ],
  ["P8: more mappings than there may be", Q35, hostOf({}, { mappingsMax: 4 }), ["P8 ENOSPC 6 mappings"]],
  ["P15: RAM over the MSI window", layoutDemand("virt-9.2", 4n * GIB), hostOf({}), ["P15 EINVAL ram"]],
  ["PASID: none", layoutDemand("q35-9.2", GIB, {}, { pasidBits: 8 }), hostOf({}), ["PASID EOPNOTSUPP PASID"]],
  [
    "PASID: too few bits",
    layoutDemand("q35-9.2", GIB, {}, { pasidBits: 20 }),
    hostOf({ pasidBits: 16 }),
    ["PASID EINVAL PASID"],
  ],
  ["PASID: enough bits", layoutDemand("q35-9.2", GIB, {}, { pasidBits: 16 }), hostOf({ pasidBits: 16 }), []],
  [
    "DIRTY: no tracking",
    layoutDemand("q35-9.2", GIB, {}, { dirtyTracking: true }),
    hostOf({}),
    ["DIRTY EOPNOTSUPP dirty tracking"],
  ],
  ["DIRTY: tracking", layoutDemand("q35-9.2", GIB, {}, { dirtyTracking: true }), hostOf({ dirtyTracking: true }), []],
  [
    "pseries: only its DMA windows count",
    layoutDemand("pseries-9.2", 8n * GIB),
    hostOf({}),
    ["P1 EINVAL dma-window-64"],
  ],
];

for (const [name, demand, host, expected] of ROWS)
  test(name, () => {
    assert.equal(refusals(demand, host), expected);
    assert.is(precheck(demand, [host]).fits, expected.length === 0);
  });

test("every conflict says what, with what, where and what to do", () => {
  const report = precheck(layoutDemand("q35-7.0", TIB, { cpuVendor: "amd" }), [
    hostOf({ reserved: [MSI, HYPERTRANSPORT] }),
  ]);
  assert.equal(precheckToJson(report), {
    fits: false,
    hosts: [
      {
        host: "h",
        fits: false,
        conflicts: [
          {
            range: ["0x100000000", "0x1007fffffff"],
            name: "ram-above-4g",
            ioas: null,
            with: { kind: "reserved", range: ["0xfd00000000", "0xffffffffff"], value: null },
            device: "a",
            errno: "EINVAL",
            rule: "P3 reserved range of the host",
            remedy:
              "use machine type q35-7.1 or newer with an AMD vCPU, which puts RAM above 1 TiB, or let the guest's memory end by 0xfcffffffff",
            severity: "refused",
          },
        ],
        omitted: 0,
        unknown: [],
        notes: [],
      },
    ],
  });
});

test("what a profile does not tell is said, not guessed", () => {
  const [host] = hostsFromJson({ host: "h", devices: [{ bdf: "a" }] });
  const report = precheck(layoutDemand("q35-9.2", GIB, { viommu: "intel" }, { dirtyTracking: true, pasidBits: 4 }), [
    host as HostProfile,
  ]);
  assert.ok(report.fits);
  const unknown = report.hosts[0]?.unknown.join("\n") ?? "";
  for (const what of [
    /aperture of a/,
    /reserved of a/,
    /pageSizes of a/,
    /pasidBits of a/,
    /dirtyTracking of a/,
    /memlockBytes/,
    /mappingsMax/,
    /--devices/,
  ])
    assert.match(unknown, what);
});

test("a host without devices, or without the one that is named, is refused", () => {
  const refused = (run: () => unknown, about: RegExp): void =>
    assert.throws(
      run,
      (error: unknown) => error instanceof IoasisError && error.code === "ERR_INPUT" && about.test(error.message),
    );
  refused(() => precheck(Q35, [{ ...hostOf({}), devices: [] }]), /h has no devices/);
  refused(() => precheck(Q35, [hostOf({})], { devices: ["b"] }), /no device b: it has a/);
  const two = hostsFromJson({
    host: "h",
    devices: [WIDE, { ...WIDE, bdf: "b", aperture: ["0x0", "0xffff"] }],
    limits: FREE,
  });
  assert.not(precheck(Q35, two).fits);
  assert.ok(precheck(Q35, two, { devices: ["a"] }).fits);
});

/** A space with `count` pages from 0x10000, a page apart. */
function stateOf(count: number, pageBytes = 0x1000n): ContextState {
  const state = new ContextState();
  const space = state.space(0);
  space.isWhole = true;
  for (let i = 0; i < count; i++) {
    const iova = 0x10000n + BigInt(i) * 2n * pageBytes;
    space.areas.insert(iova, iova + pageBytes - 1n, 1, 0x7f00_0000_0000n + iova, -1, null, i);
  }
  return state;
}

test("a recorded space: areas, allowed ranges, PASIDs and dirty tracking of its page tables", () => {
  const state = stateOf(4);
  const space = state.space(0);
  space.allowed = [{ first: 0xfe00_0000n as Iova, last: 0xffff_ffffn as Iova }];
  state.attachments.set("vfio0#70000", { device: "vfio0", pasid: 70_000, ioas: 0, hwpt: 0 });
  state.addHwpt({
    handle: 0,
    kernelId: 1,
    ioas: 0,
    auto: false,
    pageSize: null,
    aperture: null,
    dirtyTracking: true,
    nestParent: false,
    parent: null,
    isTracking: false,
  });
  const demand = demandOfState(state, state.liveSpaces);
  assert.is(demand.lockedBytes, 0x4000n);
  assert.equal(
    refusals(
      demand,
      hostOf(
        { reserved: [{ range: ["0x12000", "0x13fff"], type: "reserved" }, MSI], pasidBits: 16 },
        { memlockBytes: "0x3000", mappingsMax: 3 },
      ),
    ),
    [
      "P3 EINVAL ",
      "ALLOW EADDRINUSE allowed",
      "PASID EINVAL PASID",
      "DIRTY EOPNOTSUPP dirty tracking",
      "P6 ENOMEM locked memory",
      "P8 ENOSPC 4 mappings",
    ],
  );
  assert.equal(
    precheck(demand, [hostOf({ aperture: ["0x0", "0xffff"], reserved: [] })]).hosts[0]?.conflicts.filter(({ rule }) =>
      rule.startsWith("P1"),
    ).length,
    4,
  );
});

test("a recorded space on larger pages: every area that is no multiple", () => {
  const demand = demandOfState(stateOf(3), stateOf(3).liveSpaces);
  assert.equal(refusals(demand, hostOf({ pageSizes: "0x10000" })), ["P4 EINVAL ", "P4 EINVAL ", "P4 EINVAL "]);
  assert.equal(
    refusals(demandOfState(stateOf(3, 0x10000n), stateOf(3, 0x10000n).liveSpaces), hostOf({ pageSizes: "0x10000" })),
    [],
  );
});

test("a recording that begins late, or lost events, is not certain", () => {
  const state = stateOf(1);
  state.space(0).isWhole = false;
  state.gaps = 1;
  assert.is(demandOfState(state, state.liveSpaces).unknown.length, 2);
});

test("conflicts of a host are listed up to a thousand, and the rest counted", () => {
  const state = stateOf(65_535);
  const report = precheck(demandOfState(state, state.liveSpaces), [hostOf({ aperture: ["0x0", "0xffff"] })]);
  const [verdict] = report.hosts;
  assert.is(verdict?.conflicts.length, 1000);
  assert.is(verdict?.omitted, 64_535);
  assert.not(verdict?.fits);
});

test("the rule that RAM costs is of bytes, not of address space", () => {
  const demand = layoutDemand("q35-9.2", 2n * GIB, { firmwareBytes: 2n * MIB });
  assert.is(demand.lockedBytes, 2n * GIB + 2n * MIB + 256n * 1024n);
});

test.run();
