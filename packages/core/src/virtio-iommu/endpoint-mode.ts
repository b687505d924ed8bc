/** What an endpoint's accesses meet (VIRTIO 1.3, 5.13.6: bypass mode; QEMU: virtio_iommu_device_bypassed). */
import type { ContextState } from "../state.ts";
import { attachmentOf, isBypass } from "./domains.ts";
import type { VirtioIommuEnvironment } from "./environment.ts";

/** `bypass`: guest memory at the same address; `translated`: its domain's mappings; `blocked`: nothing. */
export type EndpointMode = "bypass" | "translated" | "blocked";

export function endpointMode(state: ContextState, endpoint: number, environment: VirtioIommuEnvironment): EndpointMode {
  const ioas = attachmentOf(state, endpoint)?.ioas ?? null;
  const space = ioas === null ? undefined : state.spaces[ioas];
  if (space === undefined) return environment.bypass ? "bypass" : "blocked";
  return isBypass(space) ? "bypass" : "translated";
}
