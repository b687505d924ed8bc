/** What each record event must carry: the check behind every decoded one, and the table of docs/FORMAT.md. */
import { type ColdEvent, EVENT_TYPES, type IoasHandle } from "@ioasis/core";
import {
  access,
  address,
  bytes,
  type Check,
  change,
  flag,
  handle,
  mode,
  number,
  orAbsent,
  orNull,
  profile,
  range,
  ranges,
  recordProblem,
  text,
} from "./checks.ts";

type Cold = ColdEvent<IoasHandle>;
type Fields = {
  readonly [T in Cold["type"]]: Readonly<Record<Exclude<keyof Extract<Cold, { type: T }>, "type">, Check>>;
};

const FIELDS: Fields = {
  IoasAllocated: { ioas: handle, kernelId: orNull(number) },
  IoasFound: { ioas: handle, kernelId: number },
  IoasDestroyed: { ioas: handle },
  IovasAllowed: { ioas: handle, ranges },
  IovaReserved: { ioas: handle, owner: text, iova: address, last: address },
  IovaUnreserved: { ioas: handle, owner: text },
  LargePagesEnabled: { ioas: handle },
  LargePagesDisabled: { ioas: handle },
  HwptAllocated: {
    hwpt: handle,
    ioas: handle,
    kernelId: orNull(number),
    auto: flag,
    pageSize: orNull(address),
    aperture: orNull(range),
    dirtyTracking: flag,
    nestParent: flag,
    parent: orAbsent(handle),
    fault: orAbsent(number),
    viommu: orAbsent(number),
    takesPasids: orAbsent(flag),
    device: orAbsent(text),
  },
  HwptDestroyed: { hwpt: handle },
  DirtyTrackingStarted: { hwpt: orNull(handle) },
  DirtyTrackingStopped: { hwpt: orNull(handle) },
  DeviceBound: { device: text, kernelId: orNull(number), group: orNull(text), objectId: orAbsent(number) },
  DeviceUnbound: { device: text },
  DeviceAttached: {
    device: text,
    pasid: orNull(number),
    ioas: orNull(handle),
    hwpt: orNull(handle),
    ioasKernelId: orAbsent(number),
  },
  DeviceDetached: { device: text, pasid: orNull(number) },
  AccessAttached: { access: text, kernelId: orNull(number), ioas: orNull(handle), pins: flag },
  AccessClosed: { access: text },
  WindowCreated: { ioas: handle, iova: address, last: address, pageSize: address },
  WindowRemoved: { ioas: handle, iova: address, last: address },
  MemoryRegistered: { va: address, length: bytes },
  MemoryUnregistered: { va: address, length: bytes },
  CallRefused: { call: text, detail: text },
  FaultReported: {
    format: text,
    device: orNull(text),
    pasid: orNull(number),
    iova: orNull(address),
    access,
    reason: text,
  },
  EventsLost: { count: orNull(number), what: text, ongoing: orAbsent(flag) },
  ClockAnchored: { clock: text, seconds: text, realtime: text },
  BookmarkSet: { name: text },
  RlimitModeSet: { mode },
  ContextCreated: { profile, kernel: orNull(text), policy: orNull(text), setup: text },
  DriverChanged: { change },
  VfioIoasSet: { ioas: orNull(handle) },
  FaultQueueAllocated: { kernelId: number },
  ViommuAllocated: { kernelId: number, hwpt: orNull(handle), viommuType: number, iommu: orNull(text) },
  VdeviceAllocated: { kernelId: number, viommu: number, device: text, virtualId: address },
  VeventQueueAllocated: { kernelId: number, viommu: number, queueType: number, depth: number },
  HwQueueAllocated: {
    kernelId: number,
    viommu: number,
    queueType: number,
    index: number,
    iova: address,
    last: address,
    access: text,
  },
  QueueFileClosed: { kernelId: number },
  IommufdObjectDestroyed: { kernelId: number, isLeaked: orAbsent(flag) },
};

/** What is wrong with a record event of type code `code`, or null. */
export function coldProblem(event: unknown, code: number): string | null {
  const type = EVENT_TYPES[code];
  if (type === undefined) return `event type ${code} is unknown`;
  const fields: Readonly<Record<string, Check>> | undefined = isCold(type) ? FIELDS[type] : undefined;
  if (fields === undefined) return `${type} is no record event`;
  const problem = recordProblem(event, fields);
  if (problem !== null) return `${type}: ${problem}`;
  const record = event as Readonly<Record<string, unknown>>;
  if (record["type"] !== type) return `${type} is recorded as ${String(record["type"])}`;
  const { iova, last } = record;
  if (typeof last === "bigint" && typeof iova === "bigint" && last < iova) return `${type}: it ends before it begins`;
  return null;
}

function isCold(type: string): type is Cold["type"] {
  return Object.hasOwn(FIELDS, type);
}
