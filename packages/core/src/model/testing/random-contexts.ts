/** Contexts of every profile that takes commands, small enough for random commands to collide, and their histories. */
import { EventBatch } from "../../event-batch.ts";
import type { JsonObject } from "../../event-json.ts";
import type { IoasEvent } from "../../events.ts";
import type { ProfileName } from "../../fact.ts";
import { layoutToJson } from "../../layout/layout-json.ts";
import { layoutOf } from "../../layout/layout-of.ts";
import type { Policy } from "../../policy/policy.ts";
import { kernelOf } from "../profiles.ts";
import { type ContextCreated, contextCreated } from "../setup.ts";

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
export type ContextCase = readonly [profile: ProfileName, kernel: string | null, machine: string | null];

export const CONTEXT_CASES: readonly ContextCase[] = [
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
const POWER_GUEST = layoutToJson(layoutOf({ machine: "pseries-9.2", memoryBytes: 1n << 28n }));

/** `policy`: with a guest that it can be held to. */
export function createdFor([profile, kernel, machine]: ContextCase, policy: Policy | null = null): ContextCreated {
  const layout = policy === null ? null : machine === null ? GUEST : POWER_GUEST;
  const request = { profile, kernel: kernelOf(profile, kernel), policy, layout, machine };
  const host = hostOf(profile, machine);
  if (profile !== "virtio-iommu")
    return contextCreated({ ...request, hosts: policy === null ? [host] : bootThenHotplug(host) });
  const hosts = [hostOf(profile, null)];
  return contextCreated({ ...request, layout: GUEST, hosts, machine: null, implementation: machine ?? "" });
}

/** Under a policy the second device, which is narrower, is plugged in later; the first reaches all of the guest. */
function bootThenHotplug(host: JsonObject): JsonObject[] {
  const [boot, later] = host["devices"] as readonly JsonObject[];
  const isPower = host["host"] === "power";
  const wide = isPower ? { ...boot, aperture: ["0x0", "0x3fffffff"] } : boot;
  const limits = isPower ? { ...LIMITS, memlockBytes: "unlimited" } : host["limits"];
  return [wide, later].map((device, i) => ({ host: `host ${i}`, devices: [device], limits }));
}

/** A case in words. */
export function caseName([profile, ...rest]: ContextCase): string {
  return [profile, ...rest.filter((word) => word !== null)].join(" ");
}

/** A history in memory: one batch a command. */
export class MemoryHistory {
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
