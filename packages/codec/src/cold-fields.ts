/** What each record event must carry: the check behind every decoded one, and the table of docs/FORMAT.md. */
import { type ColdEvent, EVENT_TYPES, type IoasHandle, U64_MAX } from "@ioasis/core";

/** Handles are dense and state is made for each, so a large one would be an order to allocate. */
export const HANDLE_MAX = 0x3ffff;

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const number: Check = (value) => Number.isSafeInteger(value);
const handle: Check = (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= HANDLE_MAX;
const address: Check = (value) => typeof value === "bigint" && value >= 0n && value <= U64_MAX;
const bytes: Check = (value) => typeof value === "bigint" && value >= 0n && value <= U64_MAX + 1n;
const access: Check = (value) => value === "read" || value === "write" || value === "unknown";
const range: Check = (value) => {
  if (typeof value !== "object" || value === null) return false;
  const { first, last } = value as Record<string, unknown>;
  return address(first) && address(last) && (first as bigint) <= (last as bigint) && Object.keys(value).length === 2;
};
const ranges: Check = (value) => Array.isArray(value) && value.every(range);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const orAbsent =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

type Cold = ColdEvent<IoasHandle>;
type Fields = { readonly [T in Cold["type"]]: Readonly<Record<Exclude<keyof Extract<Cold, { type: T }>, "type">, Check>> };

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
  },
  HwptDestroyed: { hwpt: handle },
  DirtyTrackingStarted: { hwpt: orNull(handle) },
  DirtyTrackingStopped: { hwpt: orNull(handle) },
  DeviceBound: { device: text, kernelId: orNull(number), group: orNull(text) },
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
  EventsLost: { count: orNull(number), what: text },
  ClockAnchored: { clock: text, seconds: text, realtime: text },
  BookmarkSet: { name: text },
};

/** What is wrong with a record event of type code `code`, or null. */
export function coldProblem(event: unknown, code: number): string | null {
  const type = EVENT_TYPES[code];
  if (type === undefined) return `event type ${code} is unknown`;
  if (typeof event !== "object" || event === null) return `${type} is no record`;
  const record = event as Readonly<Record<string, unknown>>;
  if (record["type"] !== type) return `${type} is recorded as ${String(record["type"])}`;
  const fields: Readonly<Record<string, Check>> | undefined = (FIELDS as Readonly<Record<string, Fields[Cold["type"]]>>)[type];
  if (fields === undefined) return `${type} is no record event`;
  for (const [name, check] of Object.entries(fields)) if (!check(record[name])) return `${type}: field ${name} is wrong`;
  for (const name of Object.keys(record)) if (name !== "type" && !(name in fields)) return `${type}: field ${name} is unknown`;
  const { iova, last } = record;
  if (typeof last === "bigint" && typeof iova === "bigint" && last < iova) return `${type}: it ends before it begins`;
  return null;
}
