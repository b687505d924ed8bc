/**
 * Domains and endpoints in the state of a context: a domain is a space whose kernel id is the guest's number,
 * an endpoint a device. A bypass domain has one reservation, of everything: nothing can be mapped there.
 */
import type { Iova } from "../address.ts";
import type { DeviceName, IoasEvent, IoasHandle } from "../events.ts";
import { overlaps, type Range, WHOLE_SPACE } from "../range.ts";
import type { Attachment, ContextState, Space } from "../state.ts";
import type { EndpointRegion, VirtioIommuEnvironment } from "./environment.ts";

const BYPASS = "bypass";

/** The name that recordings give it too. */
export function endpointName(endpoint: number): DeviceName {
  return `endpoint ${endpoint}`;
}

export function domainOf(state: ContextState, domain: number): Space | null {
  return state.spaceOfKernelId(domain);
}

export function isBypass(space: Space): boolean {
  return space.reservations.some(({ owner }) => owner === BYPASS);
}

export function attachmentOf(state: ContextState, endpoint: number): Attachment | null {
  return state.attachments.get(endpointName(endpoint)) ?? null;
}

/** The device has met it: an ATTACH named it (virtio_iommu_get_endpoint). */
export function isKnown(state: ContextState, endpoint: number): boolean {
  return state.devices.has(endpointName(endpoint)) || attachmentOf(state, endpoint) !== null;
}

function numberOf(device: DeviceName): number {
  return Number(device.slice("endpoint ".length));
}

/** Numbers of the endpoints in a domain. */
export function endpointsIn(state: ContextState, ioas: IoasHandle): number[] {
  const found: number[] = [];
  for (const { device, ioas: at } of state.attachments.values()) if (at === ioas) found.push(numberOf(device));
  return found;
}

/** What PROBE tells of an endpoint; cloud-hypervisor knows the machine's MSI window and nothing else. */
export function regionsOf(endpoint: number, environment: VirtioIommuEnvironment): readonly EndpointRegion[] {
  if (environment.implementation === "cloud-hypervisor")
    return environment.reserved.filter(({ type }) => type === "msi").slice(0, 1);
  const own = environment.endpoints.get(endpoint)?.reserved;
  return own === undefined || own.length === 0 ? environment.reserved : [...environment.reserved, ...own];
}

/** Whether a range touches a region that PROBE tells of an endpoint of the domain. */
export function touchesRegion(
  state: ContextState,
  ioas: IoasHandle,
  range: Range,
  environment: VirtioIommuEnvironment,
): boolean {
  for (const { device, ioas: at } of state.attachments.values())
    if (at === ioas && regionsOf(numberOf(device), environment).some((region) => overlaps(region, range))) return true;
  return false;
}

/** The endpoint leaves its domain; with the last one the domain goes, mappings and all. */
export function detachEvents(state: ContextState, endpoint: number, { ioas }: Attachment): IoasEvent[] {
  const device = endpointName(endpoint);
  const left: IoasEvent[] = [{ type: "DeviceDetached", device, pasid: null }];
  const space = ioas === null ? undefined : state.spaces[ioas];
  if (space === undefined || ioas === null) return left;
  if (endpointsIn(state, ioas).every((other) => other === endpoint)) return [...left, { type: "IoasDestroyed", ioas }];
  const owner = `device:${device}`;
  if (!space.reservations.some((reservation) => reservation.owner === owner)) return left;
  return [...left, { type: "IovaUnreserved", ioas, owner }];
}

export function createEvents(ioas: IoasHandle, domain: number, bypass: boolean): IoasEvent[] {
  const made: IoasEvent = { type: "IoasAllocated", ioas, kernelId: domain };
  if (!bypass) return [made];
  const { first, last } = WHOLE_SPACE;
  return [made, { type: "IovaReserved", ioas, owner: BYPASS, iova: first, last }];
}

/** The endpoint joins a domain, and with it the regions that its driver is told to keep free. */
export function attachEvents(
  endpoint: number,
  ioas: IoasHandle,
  bypass: boolean,
  environment: VirtioIommuEnvironment,
): IoasEvent[] {
  const device = endpointName(endpoint);
  const regions = bypass ? [] : regionsOf(endpoint, environment);
  return [
    { type: "DeviceAttached", device, pasid: null, ioas, hwpt: null },
    ...regions.map(
      ({ first, last }): IoasEvent => ({
        type: "IovaReserved",
        ioas,
        owner: `device:${device}`,
        iova: first as Iova,
        last,
      }),
    ),
  ];
}
