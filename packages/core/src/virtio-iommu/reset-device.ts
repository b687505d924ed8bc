/** A reset of the device: no endpoint is attached after it (VIRTIO 1.3, 5.13.5; QEMU: virtio_iommu_device_reset). */
import type { IoasEvent } from "../events.ts";
import type { ContextState } from "../state.ts";
import { RESET_KEEPS } from "./device-bugs.ts";
import type { VirtioIommuEnvironment } from "./environment.ts";
import { done, type Nothing, type VirtioIommuOutcome } from "./outcome.ts";

export function resetDevice(
  state: ContextState,
  { implementation }: VirtioIommuEnvironment,
): VirtioIommuOutcome<Nothing> {
  if (implementation === "cloud-hypervisor") return done({}, [], state.liveSpaces.length > 0 ? RESET_KEEPS : null);
  const events: IoasEvent[] = [];
  for (const { device, pasid } of state.attachments.values()) events.push({ type: "DeviceDetached", device, pasid });
  for (const { handle } of state.liveSpaces) events.push({ type: "IoasDestroyed", ioas: handle });
  for (const device of state.devices.keys()) events.push({ type: "DeviceUnbound", device });
  return done({}, events);
}
