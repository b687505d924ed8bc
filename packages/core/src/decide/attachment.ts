/**
 * Attaching a device to an ioas or a page table, or moving it there (device.c: iommufd_device_change_pt,
 * iommufd_device_auto_get_domain, iommufd_device_do_attach, iommufd_device_do_replace).
 */
import { type Iova, U64_MAX } from "../address.ts";
import type { DeviceName, IoasEvent } from "../events.ts";
import type { DeviceTraits, Environment } from "../profile/environment.ts";
import type { Range } from "../range.ts";
import type { Attachment, ContextState, Hwpt, Space } from "../state.ts";
import { type FreeIds, objectOf, pageTablesOf } from "./objects.ts";
import { firstFailing, guard, type Refusal } from "./outcome.ts";
import { pinRefusal } from "./pin-refusal.ts";
import { pagesOfSpace } from "./pinning.ts";
import { deviceOwner, hwptOwner, releaseEvents } from "./release.ts";
import { alignmentOf, canReserve, hasMisalignedArea } from "./space-rules.ts";

export interface AttachRequest {
  readonly state: ContextState;
  readonly environment: Environment;
  readonly device: DeviceName;
  readonly traits: DeviceTraits;
  readonly ptId: number;
  /** What it is attached to now, or null. */
  readonly from: Attachment | null;
  readonly ids: FreeIds;
}

export interface AttachPlan {
  readonly hwpt: Hwpt;
  readonly events: readonly IoasEvent[];
}

/** A page table on its way into an ioas. */
export interface NewTable {
  readonly state: ContextState;
  readonly environment: Environment;
  readonly hwpt: Hwpt;
  readonly space: Space;
}

/** A page table that the device could use, there already or about to be made. */
export interface Candidate extends AttachRequest, NewTable {
  readonly isNew: boolean;
}

const NO_OBJECT: Refusal = { errno: "ENOENT", rule: "iommufd_device_change_pt: no object has this id" };
const NO_TABLE: Refusal = { errno: "EINVAL", rule: "iommufd_device_change_pt: neither an ioas nor a page table" };

const DEVICE_REGIONS = guard<Candidate>(
  "EADDRINUSE",
  "iopt_table_enforce_dev_resv_regions: a region of the device is in use",
  (call) =>
    call.from?.ioas !== call.space.handle && !call.traits.reserved.every((range) => canReserve(call.space, range)),
);

const COMPATIBLE = guard<Candidate>(
  "EINVAL",
  "mock_domain_nop_attach: the device cannot track dirty pages",
  ({ hwpt, traits }) => hwpt.dirtyTracking && !traits.canTrackDirty,
);

/** io_pagetable.c: iopt_table_add_domain. */
const NEW_TABLE = [
  guard<NewTable>(
    "EINVAL",
    "iopt_table_add_domain: io pages larger than a page",
    ({ hwpt, environment }) => ioPageOf(hwpt) > environment.pageSize,
  ),
  guard<NewTable>(
    "EADDRINUSE",
    "iopt_check_iova_alignment: an area is no whole io page",
    (call) =>
      ioPageOf(call.hwpt) > alignmentOf(call.state, call.space, call.environment) &&
      hasMisalignedArea(call.space, ioPageOf(call.hwpt), call.environment.pageSize),
  ),
  guard<NewTable>(
    "EADDRINUSE",
    "iopt_reserve_iova: what is beyond the aperture is in use",
    ({ space, hwpt }) => !limitsOf(hwpt).every((range) => canReserve(space, range)),
  ),
];

/** What attaching means, or why it is refused. Moving to where the device is already changes nothing. */
export function planAttachment(request: AttachRequest): AttachPlan | Refusal {
  const candidate = candidateOf(request);
  if ("errno" in candidate) return candidate;
  const { hwpt, from } = candidate;
  if (from !== null && from.hwpt === hwpt.handle) return { hwpt, events: [] };
  const refusal = refusalOf(candidate);
  return refusal ?? { hwpt, events: attachEvents(candidate) };
}

/** The first automatic page table of an ioas is shared; manual ones are never picked. */
function candidateOf(request: AttachRequest): Candidate | Refusal {
  const { state, ptId } = request;
  const object = objectOf(state, ptId);
  if (object === null) return NO_OBJECT;
  if (object.kind === "hwpt") {
    const space = state.space(object.hwpt.ioas);
    return { ...request, hwpt: object.hwpt, space, isNew: false };
  }
  if (object.kind !== "ioas") return NO_TABLE;
  const { space } = object;
  const hwpt = pageTablesOf(state, space).find(({ auto }) => auto);
  if (hwpt !== undefined) return { ...request, hwpt, space, isNew: false };
  return { ...request, space, hwpt: automaticHwpt(request, space, request.ids.take()), isNew: true };
}

/**
 * The page table that an attach to `space` makes. One made for a move is finished before the device is
 * there (immediate_attach is for first attaches only).
 */
export function automaticHwpt({ state, traits, from }: AttachRequest, space: Space, kernelId: number): Hwpt {
  return {
    handle: state.hwpts.length,
    kernelId,
    ioas: space.handle,
    auto: true,
    pageSize: traits.pageSize,
    aperture: from === null ? traits.aperture : (traits.unattachedAperture ?? traits.aperture),
    dirtyTracking: false,
    nestParent: false,
    parent: null,
    isTracking: false,
  };
}

/** On a first attach the device's regions come first, on a move the new page table does. */
function refusalOf(candidate: Candidate): Refusal | null {
  const { isNew, from, hwpt } = candidate;
  if (!isNew) return firstFailing(hwpt.parent === null ? [DEVICE_REGIONS, COMPATIBLE] : [COMPATIBLE], candidate);
  if (from === null) return firstFailing([DEVICE_REGIONS], candidate) ?? newTableRefusal(candidate);
  return newTableRefusal(candidate) ?? firstFailing([DEVICE_REGIONS], candidate);
}

/** iopt_table_add_domain, and iopt_fill_domain: the first page table of an ioas pins all its areas. */
export function newTableRefusal(call: NewTable): Refusal | null {
  const refusal = firstFailing(NEW_TABLE, call);
  if (refusal !== null || pageTablesOf(call.state, call.space).length > 0) return refusal;
  return pinRefusal(call.state, pagesOfSpace(call.space, call.environment), call.environment);
}

/** The events of an attachment that nothing stands against (or that a recording shows). */
export function attachEvents({ state, device, traits, from, hwpt, space, isNew }: Candidate): IoasEvent[] {
  const ioas = space.handle;
  const events: IoasEvent[] = [];
  if (from?.ioas !== ioas && hwpt.parent === null)
    for (const range of traits.reserved) events.push(reserved(ioas, deviceOwner(device), range));
  if (isNew) events.push(...allocHwptEvents(hwpt));
  events.push({ type: "DeviceAttached", device, pasid: null, ioas, hwpt: hwpt.handle });
  if (from !== null) events.push(...releaseEvents(state, from, ioas));
  return events;
}

/** A new page table, and what its aperture takes from its ioas. */
export function allocHwptEvents(hwpt: Hwpt): IoasEvent[] {
  const { handle, ioas, kernelId, auto, pageSize, aperture, dirtyTracking, nestParent, parent } = hwpt;
  const limits = limitsOf(hwpt).map((range) => reserved(ioas, hwptOwner(handle), range));
  const nested = parent === null ? {} : { parent };
  const made = { hwpt: handle, ioas, kernelId, auto, pageSize, aperture, dirtyTracking, nestParent, ...nested };
  return [{ type: "HwptAllocated", ...made }, ...limits];
}

function reserved(ioas: number, owner: string, { first, last }: Range): IoasEvent {
  return { type: "IovaReserved", ioas, owner, iova: first, last };
}

function ioPageOf({ pageSize }: Hwpt): bigint {
  return pageSize ?? 1n;
}

/** The space below and above the aperture of a page table. */
function limitsOf({ aperture }: Hwpt): Range[] {
  const ranges: Range[] = [];
  if (aperture === null) return ranges;
  const { first, last } = aperture;
  if (first > 0n) ranges.push({ first: 0n as Iova, last: (first - 1n) as Iova });
  if (last < U64_MAX) ranges.push({ first: (last + 1n) as Iova, last: U64_MAX as Iova });
  return ranges;
}
