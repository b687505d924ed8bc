/** What a context was made with: `ContextCreated`, and the layout and hosts in its `setup`. */
import type { JsonObject } from "../event-json.ts";
import type { ColdEvent, IoasHandle } from "../events.ts";
import type { ProfileName } from "../fact.ts";
import { IoasisError } from "../failure.ts";
import { hostsFromJson } from "../host/host-json.ts";
import type { HostDevice, HostProfile } from "../host/host-profile.ts";
import type { GuestLayout } from "../layout/layout.ts";
import { layoutFromJson } from "../layout/layout-json.ts";
import type { Policy } from "../policy/policy.ts";
import { policyOfName } from "../policy/policy-rules.ts";

export type ContextCreated = Extract<ColdEvent<IoasHandle>, { type: "ContextCreated" }>;

/** Bytes of a setup: more devices than any machine has. */
const SETUP_CHARACTERS_MAX = 16 * 1024 * 1024;

export interface Setup {
  readonly profile: ProfileName;
  readonly kernel: string | null;
  readonly policy: Policy | null;
  readonly layout: GuestLayout | null;
  readonly hosts: readonly HostProfile[];
  /** POWER: `pseries` or `powernv`, and its page; null: not told. */
  readonly machine: string | null;
  /** virtio-iommu: whose device; null: not told. */
  readonly implementation: string | null;
  /** virtio-iommu: its endpoints; null: not told, and the hosts' devices are. */
  readonly endpoints: readonly NamedEndpoint[] | null;
}

/** `endpoint`: the guest's number. `device`: an assigned one, by its name on the host; null: an emulated one. */
export interface NamedEndpoint {
  readonly endpoint: number;
  readonly device: string | null;
}

/** `layout`, `hosts`: JSON as `ioasis layout --json` and `ioasis host --json` print it. */
export interface SetupRequest {
  readonly profile: ProfileName;
  readonly kernel: string | null;
  readonly policy: string | null;
  readonly layout: unknown;
  readonly hosts: readonly unknown[];
  readonly machine: string | null;
  /** Left out: the profile has no use for it, or it is missing. */
  readonly implementation?: string;
  readonly endpoints?: readonly NamedEndpoint[];
}

/** The event; nothing is checked yet (see `modelOf`). @throws IoasisError ERR_LIMIT */
export function contextCreated({ profile, kernel, policy, ...rest }: SetupRequest): ContextCreated {
  const { layout, hosts, machine, implementation, endpoints } = rest;
  const setup = JSON.stringify({ layout, hosts, machine, implementation, endpoints });
  if (setup.length > SETUP_CHARACTERS_MAX)
    throw new IoasisError("ERR_LIMIT", `layout and hosts have ${setup.length} characters, ${SETUP_CHARACTERS_MAX} fit`);
  return { type: "ContextCreated", profile, kernel, policy, setup };
}

/** @throws IoasisError ERR_INPUT: what of the layout or the hosts is not as it should be */
export function setupOf({ profile, kernel, policy, setup }: ContextCreated): Setup {
  const { layout = null, hosts = [], machine = null, ...rest } = JSON.parse(setup) as JsonObject;
  const { implementation = null, endpoints = null } = rest;
  const read = Array.isArray(hosts) && hosts.length === 0 ? [] : hostsFromJson(hosts);
  return {
    profile,
    kernel,
    policy: policy === null ? null : policyOfName(policy),
    layout: layout === null ? null : layoutFromJson(layout),
    hosts: read,
    machine: typeof machine === "string" ? machine : null,
    implementation: typeof implementation === "string" ? implementation : null,
    endpoints: Array.isArray(endpoints) ? endpoints.map(endpointOf) : null,
  };
}

function endpointOf(json: unknown): NamedEndpoint {
  const { endpoint, device } = (json ?? {}) as Partial<NamedEndpoint>;
  if (Number.isInteger(endpoint) && (endpoint as number) >= 0 && (device === null || typeof device === "string"))
    return { endpoint: endpoint as number, device };
  throw new IoasisError("ERR_INPUT", `endpoint ${JSON.stringify(json)}: {"endpoint":NUMBER,"device":NAME} is expected`);
}

/** The devices of all hosts; no name twice. @throws IoasisError ERR_INPUT */
export function devicesOf({ hosts }: Setup): ReadonlyMap<string, HostDevice> {
  const devices = new Map<string, HostDevice>();
  for (const { host, devices: own } of hosts)
    for (const device of own) {
      if (devices.has(device.bdf))
        throw new IoasisError(
          "ERR_INPUT",
          `device ${device.bdf} is on two hosts, the second is ${host}: a context lives on one; leave one out`,
          { host, device: device.bdf },
        );
      devices.set(device.bdf, device);
    }
  return devices;
}

/** A fact of a device that decides outcomes. @throws IoasisError ERR_INPUT where its host profile does not tell it */
export function told<Field extends keyof HostDevice>(device: HostDevice, field: Field): NonNullable<HostDevice[Field]> {
  const value = device[field];
  if (value !== null) return value as NonNullable<HostDevice[Field]>;
  throw new IoasisError(
    "ERR_INPUT",
    `the host profile does not tell "${field}" of device ${device.bdf}, which decides outcomes: put it in`,
    { device: device.bdf, field },
  );
}

/** RLIMIT_MEMLOCK of the VMM, bytes; null: unlimited. The smallest of all hosts. @throws IoasisError ERR_INPUT */
export function memlockOf({ hosts }: Setup): bigint | null {
  const limits = hosts.map(({ host, limits: { memlockBytes } }) => {
    if (memlockBytes === null) throw untold(host, "memlockBytes");
    return memlockBytes;
  });
  const bounded = limits.filter((limit) => limit !== "unlimited");
  let smallest: bigint | null = null;
  for (const limit of bounded) if (smallest === null || limit < smallest) smallest = limit;
  return smallest;
}

/** dma_entry_limit: the smallest of all hosts. @throws IoasisError ERR_INPUT */
export function mappingsMaxOf({ hosts }: Setup): number {
  const limits = hosts.map(({ host, limits: { mappingsMax } }) => {
    if (mappingsMax === null) throw untold(host, "mappingsMax");
    return mappingsMax === "unlimited" ? Number.MAX_SAFE_INTEGER : mappingsMax;
  });
  return Math.min(Number.MAX_SAFE_INTEGER, ...limits);
}

function untold(host: string, field: string): IoasisError {
  return new IoasisError(
    "ERR_INPUT",
    `host ${host} does not tell "limits.${field}", which decides outcomes: put a number or "unlimited" in`,
    { host, field },
  );
}
