/** DETACH (VIRTIO 1.3, 5.13.6.4); the domain goes with its last endpoint. */
import type { IoasEvent } from "../events.ts";
import type { ContextState } from "../state.ts";
import { type DetachEndpoint, REQUEST_BYTES } from "./commands.ts";
import { DETACH_OTHER } from "./device-bugs.ts";
import { attachmentOf, detachEvents, domainOf, endpointName, endpointsIn, isKnown } from "./domains.ts";
import type { VirtioIommuEnvironment } from "./environment.ts";
import { callRejected, check, done, firstFailing, type Nothing, type VirtioIommuOutcome } from "./outcome.ts";

interface Request extends DetachEndpoint {
  readonly state: ContextState;
}

const lengthOf = ({ requestBytes }: DetachEndpoint): number => requestBytes ?? REQUEST_BYTES.detach;

const isElsewhere = ({ state, endpoint, domain }: Request): boolean => {
  const attachment = attachmentOf(state, endpoint);
  return attachment === null || attachment.ioas === null || attachment.ioas !== domainOf(state, domain)?.handle;
};

const QEMU = [
  check<Request>("INVAL", "virtio_iommu_iov_to_req: too short", (request) => lengthOf(request) < REQUEST_BYTES.detach),
  check<Request>(
    "NOENT",
    "virtio_iommu_detach, 5.13.6.4: no such endpoint, or no ATTACH ever named it",
    ({ state, endpoint }) => !isKnown(state, endpoint),
  ),
  check<Request>("INVAL", "virtio_iommu_detach, 5.13.6.4: not attached to this domain", isElsewhere),
];

const CLOUD_HYPERVISOR = [
  check<Request>(
    "INVAL",
    "Request::parse, DETACH: another length",
    (request) => lengthOf(request) !== REQUEST_BYTES.detach,
  ),
];

export function detachEndpoint(
  state: ContextState,
  command: DetachEndpoint,
  environment: VirtioIommuEnvironment,
): VirtioIommuOutcome<Nothing> {
  const isQemu = environment.implementation === "qemu";
  const refusal = firstFailing(isQemu ? QEMU : CLOUD_HYPERVISOR, { ...command, state });
  if (refusal !== null) return callRejected(command.command, refusal);
  const attachment = attachmentOf(state, command.endpoint);
  if (attachment !== null && !isElsewhere({ ...command, state }))
    return done({}, detachEvents(state, command.endpoint, attachment));
  return detachUnchecked(state, command);
}

/** cloud-hypervisor's detach_endpoint_from_domain: out of whatever domain; the one that is named goes if it is empty. */
function detachUnchecked(state: ContextState, { domain, endpoint }: DetachEndpoint): VirtioIommuOutcome<Nothing> {
  const attachment = attachmentOf(state, endpoint);
  const named = domainOf(state, domain);
  const events: IoasEvent[] = [];
  if (attachment !== null) events.push({ type: "DeviceDetached", device: endpointName(endpoint), pasid: null });
  if (named !== null && endpointsIn(state, named.handle).length === 0)
    events.push({ type: "IoasDestroyed", ioas: named.handle });
  return done({}, events, attachment === null ? null : DETACH_OTHER);
}
