/** The virtio-iommu device of a context: from its layout, the devices that its hosts assign, and who implements it. */
import { IoasisError } from "../failure.ts";
import {
  type EndpointTraits,
  endpointOfHostDevice,
  IMPLEMENTATIONS,
  type VirtioIommuEnvironment,
  virtioIommuEnvironment,
} from "../virtio-iommu/environment.ts";
import { devicesOf, type Setup, told } from "./setup.ts";

/** An emulated device of the VMM: no host takes anything from it. */
const EMULATED: EndpointTraits = { reserved: [], hostRanges: null };
/** Segment, bus, device, function. */
const PCI_ADDRESS = /^[\da-f]{4,8}:([\da-f]{2}):([\da-f]{2})\.([0-7])$/i;

/** @throws IoasisError ERR_INPUT: what of the layout, the hosts or the options is missing or contradicts */
export function virtioIommuMachine(setup: Setup): VirtioIommuEnvironment {
  const implementation = IMPLEMENTATIONS.find((name) => name === setup.implementation);
  if (implementation === undefined)
    throw wrong(`it differs between devices: --implementation ${IMPLEMENTATIONS.join(" or ")}`);
  const { layout } = setup;
  if (layout === null) throw wrong("it needs a guest with one: --layout FILE (ioasis layout --viommu virtio --json)");
  const { viommu, reserved } = layout;
  if (viommu?.kind !== "virtio")
    throw wrong(`the layout's vIOMMU is ${viommu?.kind ?? "none"}: make the layout with --viommu virtio`);
  // All that a machine type gives its virtio-iommu is the MSI window (QEMU: {pc_machine,virt_machine}_device_pre_plug_cb).
  const windows = reserved.filter(({ type }) => type === "msi");
  return virtioIommuEnvironment(implementation, viommu, windows, endpointsOf(setup));
}

/** By the guest's number. Where nobody says otherwise, an assigned device has the guest address that it has on its host. */
function endpointsOf(setup: Setup): ReadonlyMap<number, EndpointTraits> {
  const devices = devicesOf(setup);
  const named = setup.endpoints ?? [...devices.keys()].map((bdf) => ({ endpoint: numberOf(bdf), device: bdf }));
  if (named.length === 0)
    throw wrong("it needs an endpoint: --host FILE for assigned devices, --endpoint NUMBER for emulated ones");
  const endpoints = new Map<number, EndpointTraits>();
  const assigned = new Set<string>();
  for (const { endpoint, device } of named) {
    if (endpoints.has(endpoint))
      throw wrong(`two devices would be endpoint ${endpoint}: give each its own, --endpoint NUMBER=DEVICE`);
    if (device !== null && assigned.has(device)) throw wrong(`device ${device} would be two endpoints: keep one`);
    if (device !== null) assigned.add(device);
    endpoints.set(endpoint, device === null ? EMULATED : assignedTraits(setup, device));
  }
  return endpoints;
}

function assignedTraits(setup: Setup, name: string): EndpointTraits {
  const device = devicesOf(setup).get(name);
  if (device === undefined) throw wrong(`the hosts have no device ${name}: name one that they have`);
  told(device, "reserved");
  told(device, "aperture");
  return endpointOfHostDevice(device);
}

/** bus << 8 | devfn, whatever the segment. */
function numberOf(bdf: string): number {
  const [, bus, slot, fn] = PCI_ADDRESS.exec(bdf) ?? [];
  if (bus === undefined || slot === undefined || fn === undefined)
    throw wrong(`device ${bdf} has no PCI address, so that its endpoint is not known: --endpoint NUMBER=${bdf}`);
  return (Number.parseInt(bus, 16) << 8) | (Number.parseInt(slot, 16) << 3) | Number(fn);
}

function wrong(reason: string): IoasisError {
  return new IoasisError("ERR_INPUT", `profile virtio-iommu: ${reason}`);
}
