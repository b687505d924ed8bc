/** The fold: events change a state. `applyBatch` is the hot path, `evolve` the one for records. */
import type { Iova } from "./address.ts";
import { unreachable } from "./assert.ts";
import { type EventBatch, TYPE_UNMAP_REFUSED, TYPE_UNMAPPED } from "./event-batch.ts";
import type { ColdEvent, IoasHandle } from "./events.ts";
import { evolveObjects } from "./evolve-objects.ts";
import type { Range } from "./range.ts";
import { RangeSet } from "./range-set.ts";
import { attachmentKey, type ContextState, type Space } from "./state.ts";

/** Folds rows `[from, to)` of `batch` into `state`. Row `from` must follow the state's version. */
export function applyBatch(state: ContextState, batch: EventBatch, from = 0, to = batch.length): void {
  const { type, ioas, extra } = batch;
  let row = from;
  while (row < to) {
    const code = type[row] as number;
    if (code <= TYPE_UNMAPPED) {
      const end = endOfSpace(batch, row, to);
      foldSpace(state.space(ioas[row] as number), batch, row, end);
      row = end;
    } else {
      if (code > TYPE_UNMAP_REFUSED)
        evolve(state, batch.colds[extra[row] as number] as ColdEvent<IoasHandle>, batch.firstVersion + row);
      row++;
    }
  }
  if (to > from) state.version = batch.firstVersion + to - 1;
}

/**
 * `applyBatch` as far as nothing can be said against the rows: stops in front of the first that may contradict the
 * state, or that is no map and no unmap.
 * @returns where it stopped, or `to`
 */
export function applyWhileRight(state: ContextState, batch: EventBatch, from: number, to: number): number {
  let row = from;
  while (row < to && (batch.type[row] as number) <= TYPE_UNMAPPED) {
    const end = endOfSpace(batch, row, to);
    const space = state.space(batch.ioas[row] as number);
    const stopped = space.areas.foldWhileRight(batch, row, end);
    noteKnown(space, batch, row, stopped);
    row = stopped;
    if (row < end) break;
  }
  if (row > from) state.version = batch.firstVersion + row - 1;
  return row;
}

/** Behind the last row from `row` on, at most `to`, before a record or an event of another space. */
function endOfSpace({ type, ioas }: EventBatch, row: number, to: number): number {
  const handle = ioas[row] as number;
  let end = row + 1;
  while (end < to && (type[end] as number) <= TYPE_UNMAP_REFUSED && (ioas[end] as number) === handle) end++;
  return end;
}

function foldSpace(space: Space, batch: EventBatch, from: number, to: number): void {
  space.areas.fold(batch, from, to);
  noteKnown(space, batch, from, to);
}

/** A space that the history found there: what an event speaks of is known from then on. */
function noteKnown(space: Space, batch: EventBatch, from: number, to: number): void {
  if (space.isWhole) return;
  const { type, iova, last, halves } = batch;
  for (let row = from; row < to; row++)
    if ((type[row] as number) <= TYPE_UNMAPPED && !space.known.coversRow(halves, row))
      space.known.add(iova[row] as bigint, last[row] as bigint);
}

/** Folds one record event that has `version`. */
export function evolve(state: ContextState, event: ColdEvent<IoasHandle>, version: number): void {
  switch (event.type) {
    case "IoasAllocated": {
      const space = state.space(event.ioas);
      space.kernelId = event.kernelId;
      space.isWhole = true;
      return;
    }
    case "IoasFound":
      state.space(event.ioas).kernelId = event.kernelId;
      return;
    case "IoasDestroyed":
      state.destroySpace(event.ioas);
      return;
    case "IovasAllowed":
      state.space(event.ioas).allowed = event.ranges;
      return;
    case "IovaReserved":
      state.space(event.ioas).reservations.push({ owner: event.owner, first: event.iova, last: event.last });
      return;
    case "IovaUnreserved": {
      const space = state.space(event.ioas);
      space.reservations = space.reservations.filter(({ owner }) => owner !== event.owner);
      return;
    }
    case "LargePagesEnabled":
    case "LargePagesDisabled":
      state.space(event.ioas).largePages = event.type === "LargePagesEnabled";
      return;
    case "HwptAllocated": {
      const { hwpt, ioas, kernelId, auto, pageSize, aperture, dirtyTracking, nestParent } = event;
      const { fault, viommu, takesPasids, device } = event;
      state.addHwpt({
        handle: hwpt,
        ioas,
        kernelId,
        auto,
        pageSize,
        aperture,
        dirtyTracking,
        nestParent,
        parent: event.parent ?? null,
        isTracking: false,
        ...(fault === undefined ? {} : { fault }),
        ...(viommu === undefined ? {} : { viommu }),
        ...(takesPasids === undefined ? {} : { takesPasids }),
        ...(device === undefined ? {} : { device }),
      });
      return;
    }
    case "HwptDestroyed":
      state.removeHwpt(event.hwpt);
      return;
    case "DirtyTrackingStarted":
    case "DirtyTrackingStopped": {
      const hwpt = event.hwpt === null ? undefined : state.hwpts[event.hwpt];
      if (hwpt !== undefined) hwpt.isTracking = event.type === "DirtyTrackingStarted";
      return;
    }
    case "DeviceBound":
      state.devices.set(event.device, {
        kernelId: event.kernelId,
        group: event.group,
        objectId: event.objectId ?? null,
      });
      return;
    case "DeviceUnbound":
      state.devices.delete(event.device);
      return;
    case "DeviceAttached": {
      const { device, pasid, ioas, hwpt } = event;
      if (ioas !== null) {
        const space = state.space(ioas);
        if (event.ioasKernelId !== undefined) space.kernelId = event.ioasKernelId;
      }
      state.attachments.set(attachmentKey(device, pasid), { device, pasid, ioas, hwpt });
      return;
    }
    case "DeviceDetached":
      state.attachments.delete(attachmentKey(event.device, event.pasid));
      return;
    case "AccessAttached":
      state.accesses.set(event.access, { kernelId: event.kernelId, ioas: event.ioas, pins: event.pins });
      return;
    case "AccessClosed":
      state.accesses.delete(event.access);
      return;
    case "WindowCreated":
      state.space(event.ioas).windows.push({ first: event.iova, last: event.last, pageSize: event.pageSize });
      return;
    case "WindowRemoved": {
      const space = state.space(event.ioas);
      space.windows = space.windows.filter((window: Range) => window.first !== event.iova);
      space.areas.remove(event.iova, event.last as Iova);
      return;
    }
    case "MemoryRegistered":
      state.registered.push({ va: event.va, length: event.length });
      return;
    case "MemoryUnregistered":
      state.registered = state.registered.filter(({ va, length }) => va !== event.va || length !== event.length);
      return;
    case "EventsLost":
      state.gaps++;
      state.lostAt = version;
      state.isLosing = event.ongoing === true;
      // From here on nothing is known of what no later event speaks of.
      for (const space of state.liveSpaces) {
        space.isWhole = false;
        space.known = new RangeSet();
      }
      return;
    case "BookmarkSet":
      state.bookmarks.set(event.name, version);
      return;
    case "RlimitModeSet":
      state.rlimitMode = event.mode;
      return;
    case "VfioIoasSet":
      state.vfioIoas = event.ioas;
      return;
    case "FaultQueueAllocated":
    case "ViommuAllocated":
    case "VdeviceAllocated":
    case "VeventQueueAllocated":
    case "HwQueueAllocated":
    case "QueueFileClosed":
    case "IommufdObjectDestroyed":
      evolveObjects(state.objects, event);
      return;
    case "ContextCreated":
    case "DriverChanged":
    case "CallRefused":
    case "FaultReported":
    case "ClockAnchored":
      return;
    default:
      unreachable(event);
  }
}

/** Folds a whole batch up to and including `version`. */
export function applyUpTo(state: ContextState, batch: EventBatch, version: number): void {
  const from = Math.max(0, state.version + 1 - batch.firstVersion);
  const to = Math.min(batch.length, version + 1 - batch.firstVersion);
  if (to > from) applyBatch(state, batch, from, to);
}
