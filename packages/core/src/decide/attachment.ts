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
import { type Pages, pagesOfArea } from "./pinning.ts";
import { deviceOwner, hwptOwner, releaseEvents } from "./release.ts";
import { alignmentOf, canReserve, hasMisalignedArea, isAligned, UNMAPPABLE } from "./space-rules.ts";

export interface AttachRequest {
  readonly state: ContextState;
  readonly environment: Environment;
  readonly device: DeviceName;
  /** Null, or left out: the device itself. */
  readonly pasid?: number | null;
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
  (call) => movers(call).some(({ traits }) => !traits.reserved.every((range) => canReserve(call.space, range))),
);

const GROUP = guard<Candidate>(
  "EINVAL",
  "iommufd_hw_pagetable_attach: the group of the device uses another page table",
  (call) => call.from === null && groupMates(call).some(({ hwpt }) => hwpt !== call.hwpt.handle),
);

/** The kernel attaches a group once, with its first device. */
const PASIDS = [
  guard<Candidate>(
    "EINVAL",
    "iommufd_hwpt_pasid_compat: the page table, or the device's own, takes no PASIDs",
    (call) => isFirstOfGroup(call) && !isPasidCompatible(call),
  ),
  guard<Candidate>(
    "EINVAL",
    "iommu_attach_device_pasid: a device of the group has PASIDs, but fewer",
    (call) => isFirstOfGroup(call) && groupPasids(call).some((pasids) => pasids > 0 && (call.pasid ?? 0) >= pasids),
  ),
];

const COMPATIBLE = guard<Candidate>(
  "EINVAL",
  "mock_domain_nop_attach: the device cannot track dirty pages",
  ({ hwpt, traits }) => hwpt.dirtyTracking && !traits.canTrackDirty,
);

const WIDTH = guard<Candidate>(
  "EINVAL",
  "paging_domain_compatible: the page table translates more than the device's IOMMU",
  ({ hwpt, traits }) => !canWalk(traits, hwpt),
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

/**
 * The first automatic page table of an ioas that the device's IOMMU takes is shared (device.c: -EINVAL of an attach
 * means the next one); manual ones are never picked.
 */
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
  // Of a group that is attached, only its own page table will do: the others are EINVAL, which means the next one.
  const mate = request.from === null ? groupMates(request)[0] : undefined;
  const hwpt = pageTablesOf(state, space).find(
    (one) => one.auto && (mate?.hwpt ?? one.handle) === one.handle && canWalk(request.traits, one),
  );
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
  const { isNew, from } = candidate;
  if (!isNew) return firstFailing([GROUP, DEVICE_REGIONS, ...PASIDS, COMPATIBLE, WIDTH], candidate);
  if (from === null) return firstFailing([GROUP, DEVICE_REGIONS, ...PASIDS], candidate) ?? newTableRefusal(candidate);
  return newTableRefusal(candidate) ?? firstFailing([DEVICE_REGIONS, ...PASIDS], candidate);
}

/**
 * iopt_table_add_domain, and iopt_fill_domain: the first page table of an ioas pins its areas, each of them maps
 * them. An area that is no whole io page is found out there if the alignment did not have to rise.
 */
export function newTableRefusal(call: NewTable): Refusal | null {
  const { state, space, hwpt, environment } = call;
  const refusal = firstFailing(NEW_TABLE, call);
  if (refusal !== null) return refusal;
  const pins = pageTablesOf(state, space).length === 0;
  const wanted: Pages[] = [];
  let unmappable = false;
  for (const area of space.areas.all()) {
    const pages = pins ? pagesOfArea(area, area.iova, area.last, environment) : null;
    if (pages !== null) wanted.push(pages);
    unmappable = !isAligned(area.iova | (area.last + 1n), ioPageOf(hwpt));
    if (unmappable) break;
  }
  return pinRefusal(state, wanted, environment) ?? (unmappable ? UNMAPPABLE : null);
}

/** The events of an attachment that nothing stands against (or that a recording shows). */
export function attachEvents(candidate: Candidate): IoasEvent[] {
  const { state, device, from, hwpt, space, isNew } = candidate;
  const pasid = candidate.pasid ?? null;
  const ioas = space.handle;
  const events: IoasEvent[] = [];
  for (const mover of movers(candidate))
    for (const range of mover.traits.reserved) events.push(reserved(ioas, deviceOwner(mover.device), range));
  if (isNew) events.push(...allocHwptEvents(hwpt));
  const moved = from === null ? [] : [from, ...groupMates(candidate)];
  for (const name of [device, ...moved.slice(1).map((mate) => mate.device)])
    events.push({ type: "DeviceAttached", device: name, pasid, ioas, hwpt: hwpt.handle });
  for (const [index, each] of moved.entries()) events.push(...releaseEvents(state, each, ioas, moved.slice(0, index)));
  return events;
}

/** The devices whose regions the call reserves: of a move, all that the group has attached. None for a PASID. */
function movers({ state, environment, device, pasid, traits, from, space }: Candidate) {
  if ((pasid ?? null) !== null || from?.ioas === space.handle) return [];
  const itself = { device, traits };
  if (from === null) return [itself];
  const mates = groupMates({ state, device, pasid: null });
  return [itself, ...mates.flatMap((mate) => traitsOfMate(environment, mate))];
}

function traitsOfMate({ devices }: Environment, { device }: Attachment) {
  const traits = devices.get(device);
  return traits === undefined ? [] : [{ device, traits }];
}

/** The attachments, for the same PASID, of the other devices of its IOMMU group. */
function groupMates({ state, device, pasid }: Pick<AttachRequest, "state" | "device" | "pasid">): Attachment[] {
  const group = state.devices.get(device)?.group ?? null;
  if (group === null) return [];
  return [...state.attachments.values()].filter(
    (other) =>
      other.device !== device && other.pasid === (pasid ?? null) && state.devices.get(other.device)?.group === group,
  );
}

/** How many PASIDs each device of the group has. One without any sends none, so that its 0 limits nothing. */
function groupPasids({ state, environment, device, traits }: Candidate): number[] {
  const group = state.devices.get(device)?.group ?? null;
  const mates = [...state.devices].filter(([name, mate]) => name !== device && group !== null && mate.group === group);
  return [traits.pasids ?? 0, ...mates.map(([name]) => environment.devices.get(name)?.pasids ?? 0)];
}

function isFirstOfGroup(call: Candidate): boolean {
  return call.from !== null || groupMates(call).length === 0;
}

function isPasidCompatible({ state, device, pasid, hwpt }: Candidate): boolean {
  if (hwpt.takesPasids === true && (pasid ?? null) === null) return true;
  const group = state.devices.get(device)?.group ?? null;
  const isSame = (other: string) => other === device || (group !== null && state.devices.get(other)?.group === group);
  const attached = [...state.attachments.values()].filter((other) => isSame(other.device));
  if ((pasid ?? null) === null) return attached.every((other) => other.pasid === null);
  const own = attached.find((other) => other.pasid === null);
  const ownTable = own === undefined || own.hwpt === null ? undefined : state.hwpts[own.hwpt];
  return hwpt.takesPasids === true && (ownTable === undefined || ownTable.takesPasids === true);
}

/** A new page table, and what its aperture takes from its ioas. */
export function allocHwptEvents(hwpt: Hwpt): IoasEvent[] {
  const { handle, ioas, kernelId, auto, pageSize, aperture, dirtyTracking, nestParent, parent } = hwpt;
  const { fault, viommu, takesPasids, device } = hwpt;
  const limits = limitsOf(hwpt).map((range) => reserved(ioas, hwptOwner(handle), range));
  const nested = parent === null ? {} : { parent };
  const made = { hwpt: handle, ioas, kernelId, auto, pageSize, aperture, dirtyTracking, nestParent, ...nested };
  const links = {
    ...(fault === undefined ? {} : { fault }),
    ...(viommu === undefined ? {} : { viommu }),
    ...(takesPasids === undefined ? {} : { takesPasids }),
    ...(device === undefined ? {} : { device }),
  };
  return [{ type: "HwptAllocated", ...made, ...links }, ...limits];
}

function reserved(ioas: number, owner: string, { first, last }: Range): IoasEvent {
  return { type: "IovaReserved", ioas, owner, iova: first, last };
}

/** A page table of other, wider IOMMUs is none for this device (intel/iommu.c: paging_domain_compatible). */
function canWalk({ aperture, refusesWiderTables }: DeviceTraits, hwpt: Hwpt): boolean {
  if (refusesWiderTables !== true) return true;
  return hwpt.aperture === null || (aperture.first <= hwpt.aperture.first && hwpt.aperture.last <= aperture.last);
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
