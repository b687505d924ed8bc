/** Does this fit these hosts? Every conflict with its rule, errno and remedy, before anything moves. */
import { IoasisError } from "../failure.ts";
import { checkHost, type HostDevice, type HostProfile, overlapNotes } from "../host/host-profile.ts";
import { checkAddresses } from "./address-rules.ts";
import type { Conflict } from "./conflict.ts";
import { ConflictSink } from "./conflict-sink.ts";
import type { Demand } from "./demand.ts";
import { checkDirtyTracking, checkPasid, checkViommuWidth } from "./device-rules.ts";
import { checkMappings, checkMemlock } from "./limit-rules.ts";
import { checkGranule, checkPageSize } from "./page-size-rule.ts";

export interface HostVerdict {
  readonly host: string;
  /** No conflict that would keep the guest from running or growing. What is `unknown` may still. */
  readonly fits: boolean;
  readonly conflicts: readonly Conflict[];
  /** Conflicts beyond those listed. */
  readonly omitted: number;
  readonly unknown: readonly string[];
  readonly notes: readonly string[];
}

export interface PrecheckReport {
  readonly fits: boolean;
  readonly hosts: readonly HostVerdict[];
}

export interface PrecheckOptions {
  /** Only these devices of each host (those that the guest will be given); default: all. */
  readonly devices?: readonly string[];
}

/** @throws IoasisError ERR_INPUT for a host without devices (or without those named) */
export function precheck(demand: Demand, hosts: readonly HostProfile[], options: PrecheckOptions = {}): PrecheckReport {
  const verdicts = hosts.map((host) => verdictOf(demand, host, options));
  return { fits: verdicts.every(({ fits }) => fits), hosts: verdicts };
}

function verdictOf(demand: Demand, host: HostProfile, options: PrecheckOptions): HostVerdict {
  checkHost(host);
  const sink = new ConflictSink();
  for (const device of chosenDevices(host, options)) checkDevice(demand, device, sink);
  checkMemlock(demand, host.limits, sink);
  checkMappings(demand, host.limits, sink);
  for (const what of demand.unknown) sink.leaveOpen(what);
  return {
    host: host.host,
    fits: !sink.isRefused,
    conflicts: sink.conflicts,
    omitted: sink.omitted,
    unknown: sink.unknown,
    notes: overlapNotes(host),
  };
}

function checkDevice(demand: Demand, device: HostDevice, sink: ConflictSink): void {
  const { bdf, aperture, reserved, pageSizes } = device;
  if (aperture === null) sink.leaveOpen(`aperture of ${bdf}`);
  if (reserved === null) sink.leaveOpen(`reserved of ${bdf}`);
  if (pageSizes === null) sink.leaveOpen(`pageSizes of ${bdf}`);
  checkViommuWidth(demand, device, sink);
  for (const space of demand.spaces) {
    checkAddresses(demand, space, device, sink);
    if (pageSizes !== null) checkPageSize(space, device, pageSizes, sink);
  }
  if (pageSizes !== null) checkGranule(demand, device, pageSizes, sink);
  checkPasid(demand, device, sink);
  checkDirtyTracking(demand, device, sink);
}

function chosenDevices({ host, devices }: HostProfile, { devices: wanted }: PrecheckOptions): readonly HostDevice[] {
  if (wanted === undefined) return devices;
  const chosen = wanted.map((bdf) => {
    const device = devices.find((one) => one.bdf === bdf);
    if (device !== undefined) return device;
    const names = devices.slice(0, 8).map((one) => one.bdf);
    throw new IoasisError(
      "ERR_INPUT",
      `host ${host} has no device ${bdf}: it has ${names.join(", ")}${devices.length > 8 ? ", ..." : ""}`,
      {
        host,
        device: bdf,
      },
    );
  });
  if (chosen.length > 0) return chosen;
  throw new IoasisError("ERR_USAGE", `no device of host ${host} is named: name some, or none to check all`, { host });
}
