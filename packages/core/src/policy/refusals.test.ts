/** Every refusal of the table in docs/policies.md, and that the table says no other. */
import { readFileSync } from "node:fs";
import path from "node:path";
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Iova, U64_MAX } from "../address.ts";
import type { Command } from "../commands.ts";
import { VA } from "../decide/testing/model.ts";
import type { HostDevice, HostProfile, ReservedRegion } from "../host/host-profile.ts";
import type { LayoutOptions } from "../layout/layout.ts";
import { layoutOf } from "../layout/layout-of.ts";
import { GIB } from "../layout/size.ts";
import { placementRefusal } from "./decide-under-policy.ts";
import { guestView } from "./guest-view.ts";
import { POLICIES, type Policy } from "./policy.ts";
import { policyOfName, policyRules } from "./policy-rules.ts";
import { PolicyModel } from "./testing/policy-model.ts";

const test = suite("policies");
const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();

function device(bdf: string, last: bigint, ...regions: readonly (readonly [bigint, bigint])[]): HostDevice {
  const reserved = regions.map(([first, end]): ReservedRegion => {
    return { first: first as Iova, last: end as Iova, type: "reserved" };
  });
  const aperture = { first: 0n as Iova, last: last as Iova };
  return { bdf, group: null, reserved, aperture, pageSizes: 0x1000n, pasidBits: 0, dirtyTracking: false };
}

function host(name: string, ...devices: readonly HostDevice[]): HostProfile {
  return { host: name, devices, limits: { memlockBytes: "unlimited", mappingsMax: "unlimited" }, unknown: [] };
}

const BOOT = host("boot", device("boot0", U64_MAX, [0xd000_0000n, 0xd00f_ffffn]));
const LATER = host("later", device("narrow", 0xffff_ffffn), device("hole", U64_MAX, [0x2000_0000n, 0x2000_0fffn]));
const LAYOUT = layoutOf({ machine: "q35-9.2", memoryBytes: 8n * GIB });

function modelOf(policy: Policy): PolicyModel {
  const hosts = [BOOT, LATER];
  const layout = policy === "kernel-managed" ? null : LAYOUT;
  const model = new PolicyModel(policyRules({ policy, profile: "iommufd", layout, hosts }), hosts, "7.3");
  model.alloc();
  for (const { bdf } of [...BOOT.devices, ...LATER.devices]) model.run({ command: "BindVfioDevice", device: bdf });
  return model;
}

const map = (iova: bigint, flags = 7): Command => {
  return { command: "MapIova", ioasId: 1, flags, userVa: VA, length: 0x1000n, iova };
};
const file = (iova: bigint, flags = 7): Command => {
  return { command: "MapFile", ioasId: 1, flags, fd: 3, start: 0n, length: 0x1000n, iova };
};
const attach = (name: string): Command => ({ command: "AttachVfioDevice", device: name, ptId: 1 });

/** Situation of the table, and the commands that lead to it: the last one counts. */
const SITUATIONS: Readonly<Record<string, readonly Command[]>> = {
  "MAP with FIXED_IOVA in RAM": [map(0x20_0000n)],
  "MAP_FILE with FIXED_IOVA": [file(0x20_0000n)],
  "MAP without FIXED_IOVA": [map(0n, 6)],
  // Each policy takes one of the two maps, and the kernel puts its own at 0x1000 too.
  "COPY without FIXED_IOVA": [
    map(0x1000n, 7),
    map(0x1000n, 6),
    { command: "CopyIova", flags: 6, dstIoasId: 1, srcIoasId: 1, length: 0x1000n, srcIova: 0x1000n, dstIova: 0n },
  ],
  "MAP outside of the layout": [map(0x9000_0000n)],
  "MAP in what the machine reserves": [map(0xfee0_0000n)],
  "MAP where an attached boot-time device has a hole": [attach("boot0"), map(0xd000_0000n)],
  "MAP of memory that is mapped": [map(0x20_0000n), map(0x20_0000n)],
  ALLOW_IOVAS: [{ command: "AllowIovas", ioasId: 1, ranges: [[0n, 0xffffn]] }],
  "IOAS_ALLOC with base and length": [{ command: "AllocIoas", flags: 0, base: 0n, length: 0x1000n }],
  "attach of a boot-time device": [attach("boot0")],
  "attach of a hotplugged device, narrower than RAM": [attach("boot0"), attach("narrow")],
  "attach of a hotplugged device with a hole in RAM": [attach("boot0"), attach("hole")],
};

function answer(policy: Policy, commands: readonly Command[]): string {
  const model = modelOf(policy);
  const outcomes = commands.map((command) => model.run(command));
  const last = outcomes.at(-1);
  return last?.errno === null ? "taken" : `${last?.errno} ${last?.rule?.split(":")[0]}`;
}

test("the table of docs/policies.md is what the policies answer", () => {
  const text = readFileSync(path.join(ROOT, "docs/policies.md"), "utf8");
  const rows = new Map(
    [...text.matchAll(/^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$/gm)].map(([, situation, ...cells]) => [
      situation,
      cells,
    ]),
  );
  for (const [situation, commands] of Object.entries(SITUATIONS))
    assert.equal(
      rows.get(situation),
      POLICIES.map((policy) => answer(policy, commands)),
      situation,
    );
});

test("a malformed call is the kernel's to refuse", () => {
  const model = modelOf("fixed");
  assert.is(model.ask({ ...(map(0n, 6) as Extract<Command, { command: "MapIova" }>), flags: 8 }).errno, "EOPNOTSUPP");
  assert.match(
    model.ask({ ...(map(0n) as Extract<Command, { command: "MapIova" }>), ioasId: 99 }).rule ?? "",
    "iommufd_get_ioas",
  );
  assert.is(model.ask({ ...(map(0n) as Extract<Command, { command: "MapIova" }>), length: 0n }).errno, "EINVAL");
});

test("type1 maps are held to the same rules", () => {
  const rules = policyRules({ policy: "fixed", profile: "vfio-type1v2", layout: LAYOUT, hosts: [] });
  assert.is(placementRefusal(rules, { isFixed: true, iova: 0x20_0000n, length: 0x1000n }), null);
  assert.is(placementRefusal(rules, { isFixed: true, iova: 0x9000_0000n, length: 0x1000n })?.errno, "EINVAL");
  assert.is(placementRefusal(rules, { isFixed: true, iova: 0x9000_0000n, length: 0n }), null);
});

const INCOMPLETE: readonly (readonly [RegExp, () => unknown])[] = [
  [/one of kernel-managed/, () => policyOfName("free")],
  [/needs the guest's layout/, () => policyRules({ policy: "fixed", profile: "iommufd", layout: null, hosts: [] })],
  [/needs the hosts/, () => policyRules({ policy: "host-derived", profile: "iommufd", layout: LAYOUT, hosts: [] })],
  [/only iommufd can/, () => policyRules({ policy: "kernel-managed", profile: "vfio-type1", layout: null, hosts: [] })],
  [/does not tell the aperture of d/, () => derived([host("h", { ...device("d", 1n), aperture: null })])],
  [/does not tell the reserved/, () => derived([host("h", { ...device("d", 1n), reserved: null })])],
  [/below 4 GiB q35/, () => derived([host("h", device("d", U64_MAX, [0x1000n, 0x1fffn]))])],
  [/nowhere above is room/, () => derived([host("h", device("d", 0x1_ffff_ffffn))])],
];

function derived(hosts: readonly HostProfile[]) {
  return policyRules({ policy: "host-derived", profile: "iommufd", layout: LAYOUT, hosts });
}

for (const [message, make] of INCOMPLETE)
  test(`a setup is refused: ${message.source}`, () => assert.throws(make, message));

const anyRegion = fc
  .tuple(fc.bigInt({ min: 0n, max: 0x80_0000n }), fc.bigInt({ min: 1n, max: 0x1000n }))
  .map(([page, pages]) => [page << 12n, ((page + pages) << 12n) - 1n] as const);
const anyDevices = fc
  .array(fc.tuple(fc.integer({ min: 33, max: 64 }), fc.array(anyRegion, { maxLength: 3 })), {
    minLength: 1,
    maxLength: 3,
  })
  .map((all) => all.map(([bits, regions], i) => device(`dev${i}`, (1n << BigInt(bits)) - 1n, ...regions)));
const anyLayout = fc
  .record({ memoryGib: fc.integer({ min: 1, max: 64 }), hasViommu: fc.boolean() })
  .map(({ memoryGib, hasViommu }) => {
    const options: LayoutOptions = { machine: "q35-9.2", memoryBytes: BigInt(memoryGib) * GIB };
    return layoutOf(hasViommu ? { ...options, viommu: "virtio", viommuBits: 40 } : options);
  });

test("fixed: nothing that the guest is told depends on the hosts", () => {
  fc.assert(
    fc.property(anyLayout, anyDevices, anyDevices, (layout, here, there) => {
      const told = [here, there].map((devices) => {
        const hosts = [host("any", ...devices)];
        const model = new PolicyModel(policyRules({ policy: "fixed", profile: "iommufd", layout, hosts }), hosts);
        model.alloc();
        for (const { bdf } of devices) {
          model.run({ command: "BindVfioDevice", device: bdf });
          model.run(attach(bdf));
        }
        const view = model.rules === null ? null : guestView(model.rules);
        const ranges = model.ask({ command: "QueryIovaRanges", ioasId: 1, slots: 64 }).out;
        return { view, ranges, inRam: model.ask(map(0x20_0000n)).errno };
      });
      assert.equal(told[0], told[1]);
    }),
    { numRuns: 200 },
  );
});

test("host-derived: every boot-time device attaches to every layout that is accepted, and all its memory maps", () => {
  let accepted = 0;
  fc.assert(
    fc.property(anyLayout, anyDevices, (layout, devices) => {
      const hosts = [host("boot", ...devices)];
      const rules = rulesOrNull(() => policyRules({ policy: "host-derived", profile: "iommufd", layout, hosts }));
      if (rules === null) return;
      accepted++;
      const model = new PolicyModel(rules, hosts);
      model.alloc();
      for (const { bdf } of devices) {
        model.run({ command: "BindVfioDevice", device: bdf });
        const { errno, rule } = model.run(attach(bdf));
        assert.is(errno, null, rule ?? "");
      }
      for (const { first, last, kind } of rules.layout?.ranges ?? []) {
        if (kind === "window") continue;
        assert.is(model.ask(map(first)).rule, null);
        assert.is(model.ask(map(last - 0xfffn)).rule, null);
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(accepted > 30, `${accepted} layouts were accepted`);
});

function rulesOrNull(make: () => ReturnType<typeof policyRules>): ReturnType<typeof policyRules> | null {
  try {
    return make();
  } catch (error) {
    assert.match((error as Error).message, /^policy host-derived: /);
    return null;
  }
}

test.run();
