/** PROBE (VIRTIO 1.3, 5.13.6.7): the regions that the driver must keep free. */
import { type ProbeEndpoint, REQUEST_BYTES } from "./commands.ts";
import { regionsOf } from "./domains.ts";
import type { EndpointRegion, Implementation, VirtioIommuEnvironment } from "./environment.ts";
import { callRejected, check, done, firstFailing, type VirtioIommuOutcome } from "./outcome.ts";

interface Request extends ProbeEndpoint {
  readonly environment: VirtioIommuEnvironment;
}

/** struct virtio_iommu_probe_resv_mem. */
const PROPERTY_BYTES = 24;
const lengthOf = ({ requestBytes }: ProbeEndpoint): number => requestBytes ?? REQUEST_BYTES.probe;

const CHECKS: Readonly<Record<Implementation, readonly ReturnType<typeof check<Request>>[]>> = {
  qemu: [
    check("INVAL", "virtio_iommu_iov_to_req: too short", (request) => lengthOf(request) < REQUEST_BYTES.probe),
    check(
      "NOENT",
      "virtio_iommu_probe, 5.13.6.7: no such endpoint",
      ({ endpoint, environment }) => !environment.endpoints.has(endpoint),
    ),
    check(
      "INVAL",
      "virtio_iommu_fill_resv_mem_prop, 5.13.6.7: probe_size holds less",
      ({ endpoint, environment }) => regionsOf(endpoint, environment).length * PROPERTY_BYTES > environment.probeBytes,
    ),
  ],
  "cloud-hypervisor": [
    check("INVAL", "Request::parse, PROBE: another length", (request) => lengthOf(request) !== REQUEST_BYTES.probe),
  ],
};

export interface Probed {
  readonly regions: readonly EndpointRegion[];
}

export function probeEndpoint(command: ProbeEndpoint, environment: VirtioIommuEnvironment): VirtioIommuOutcome<Probed> {
  const refusal = firstFailing(CHECKS[environment.implementation], { ...command, environment });
  if (refusal !== null) return callRejected(command.command, refusal);
  return done({ regions: regionsOf(command.endpoint, environment) });
}
