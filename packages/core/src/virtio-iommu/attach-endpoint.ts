/** ATTACH (VIRTIO 1.3, 5.13.6.3): makes the domain if there is none; the endpoint leaves the one that it was in. */
import type { IoasEvent } from "../events.ts";
import type { ContextState } from "../state.ts";
import { ATTACH_BYPASS, type AttachEndpoint, REQUEST_BYTES } from "./commands.ts";
import {
  attachEvents,
  attachmentOf,
  createEvents,
  detachEvents,
  domainOf,
  endpointName,
  isBypass,
  isKnown,
} from "./domains.ts";
import type { Implementation, VirtioIommuEnvironment } from "./environment.ts";
import {
  callRejected,
  check,
  done,
  firstFailing,
  type Nothing,
  rejection,
  type VirtioIommuOutcome,
} from "./outcome.ts";

interface Request extends AttachEndpoint {
  readonly state: ContextState;
  readonly environment: VirtioIommuEnvironment;
}

/** MAX_DOMAINS of cloud-hypervisor. */
const DOMAINS_MAX = 65_536;
const lengthOf = ({ requestBytes }: AttachEndpoint): number => requestBytes ?? REQUEST_BYTES.attach;
const wantsBypass = ({ flags }: AttachEndpoint): boolean => (flags & ATTACH_BYPASS) !== 0;

const isInconsistent = (request: Request): boolean => {
  const space = domainOf(request.state, request.domain);
  return space !== null && isBypass(space) !== wantsBypass(request);
};

const CHECKS: Readonly<Record<Implementation, readonly ReturnType<typeof check<Request>>[]>> = {
  qemu: [
    check("INVAL", "virtio_iommu_iov_to_req: too short", (request) => lengthOf(request) < REQUEST_BYTES.attach),
    check("INVAL", "virtio_iommu_attach, 5.13.6.3: unknown flag", ({ flags }) => (flags & ~ATTACH_BYPASS) !== 0),
    check(
      "NOENT",
      "virtio_iommu_get_endpoint, 5.13.6.3: no such endpoint",
      ({ endpoint, environment }) => !environment.endpoints.has(endpoint),
    ),
  ],
  "cloud-hypervisor": [
    check("INVAL", "Request::parse, ATTACH: another length", (request) => lengthOf(request) !== REQUEST_BYTES.attach),
    check(
      "INVAL",
      "Request::parse, ATTACH, 5.13.6.3: reserved field or unknown flag",
      ({ flags, reserved }) => (reserved ?? 0) !== 0 || (flags & ~ATTACH_BYPASS) !== 0,
    ),
    check("INVAL", "Request::parse, ATTACH, 5.13.6.3: the domain is of the other kind", isInconsistent),
    check(
      "NOMEM",
      "Request::parse, ATTACH: MAX_DOMAINS",
      ({ state, domain }) => domainOf(state, domain) === null && state.liveSpaces.length >= DOMAINS_MAX,
    ),
  ],
};

const OTHER_KIND = rejection("INVAL", "virtio_iommu_get_domain, 5.13.6.3: the domain is of the other kind");

export function attachEndpoint(
  state: ContextState,
  command: AttachEndpoint,
  environment: VirtioIommuEnvironment,
): VirtioIommuOutcome<Nothing> {
  const refusal = firstFailing(CHECKS[environment.implementation], { ...command, state, environment });
  if (refusal !== null) return callRejected(command.command, refusal);
  const { domain, endpoint } = command;
  const old = attachmentOf(state, endpoint);
  const found = domainOf(state, domain);
  const isThere = old !== null && found !== null && old.ioas === found.handle;
  // QEMU detaches from the same domain too, and so empties one that has no other endpoint.
  if (isThere && environment.implementation === "cloud-hypervisor") return done({});
  const leaving = old === null ? [] : detachEvents(state, endpoint, old);
  const before: IoasEvent[] = [...bound(state, endpoint), ...leaving];
  const isGone = leaving.some((event) => event.type === "IoasDestroyed" && event.ioas === found?.handle);
  const space = isGone ? null : found;
  const bypass = wantsBypass(command);
  if (space !== null && isBypass(space) !== bypass) return callRejected(command.command, OTHER_KIND, before);
  const ioas = space?.handle ?? state.spaces.length;
  const made = space === null ? createEvents(ioas, domain, bypass) : [];
  return done({}, [...before, ...made, ...attachEvents(endpoint, ioas, bypass, environment)]);
}

function bound(state: ContextState, endpoint: number): IoasEvent[] {
  if (isKnown(state, endpoint)) return [];
  return [{ type: "DeviceBound", device: endpointName(endpoint), kernelId: endpoint, group: null }];
}
