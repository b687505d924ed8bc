/**
 * Events as JSON and back: the form of `ioasis log --json`, of exports and of `apply`.
 *
 * Addresses and lengths are `"0x..."`, ranges `["0xfirst","0xlast"]`, handles `"ioas0"`,
 * `"hwpt1"`; versions, counts and ids are numbers. Which field has which form is said once, in
 * `SHAPES`, for both directions.
 */
import { hex, U64_MAX } from "./address.ts";
import { changeFromJson, changeToJson } from "./driver-change-json.ts";
import type { EventType, IoasEvent } from "./events.ts";
import { PROFILE_NAMES } from "./fact.ts";
import { PROTS } from "./source.ts";
import { JsonError, rangeFromJson, rangeToJson, sourceFromJson, sourceToJson, u64FromJson } from "./value-json.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** How a field is written. */
interface Form {
  toJson(value: unknown): unknown;
  /** @throws JsonError */
  fromJson(value: unknown, field: string): unknown;
}

type FieldsOf<T extends EventType> = Exclude<keyof Extract<IoasEvent, { type: T }>, "type">;
type Shapes = { readonly [T in EventType]: { readonly [F in FieldsOf<T>]-?: Form } };

const form = (toJson: (value: never) => unknown, fromJson: (value: unknown, field: string) => unknown): Form => ({
  toJson: toJson as (value: unknown) => unknown,
  fromJson,
});

const checked = (what: string, isValid: (value: unknown) => boolean): Form =>
  form(
    (value) => value,
    (value, field) => {
      if (isValid(value)) return value;
      throw new JsonError(`"${field}" is not ${what}`);
    },
  );

const orNull = ({ toJson, fromJson }: Form): Form => ({
  toJson: (value) => (value === null ? null : toJson(value)),
  fromJson: (value, field) => (value === null ? null : fromJson(value, field)),
});

/** Left out where it does not apply. */
const optional = ({ toJson, fromJson }: Form): Form => ({
  toJson: (value) => (value === undefined ? undefined : toJson(value)),
  fromJson: (value, field) => (value === undefined ? undefined : fromJson(value, field)),
});

const handle = (kind: "ioas" | "hwpt"): Form =>
  form(
    (value: number) => `${kind}${value}`,
    (value, field) => {
      const match = typeof value === "string" ? new RegExp(`^${kind}(\\d{1,9})$`).exec(value) : null;
      if (match === null) throw new JsonError(`"${field}" is not a handle such as "${kind}0"`);
      return Number(match[1]);
    },
  );

const IOAS = handle("ioas");
const HWPT = handle("hwpt");
const ADDRESS = form(hex, (value, field) => u64FromJson(value, field, U64_MAX));
const LENGTH = form(hex, (value, field) => u64FromJson(value, field, U64_MAX + 1n));
const RANGE = form(rangeToJson, rangeFromJson);
const RANGES = form(
  (ranges: Parameters<typeof rangeToJson>[0][]) => ranges.map(rangeToJson),
  (value, field) => {
    if (Array.isArray(value)) return value.map((range) => rangeFromJson(range, field));
    throw new JsonError(`"${field}" is not a list of ranges`);
  },
);
const SOURCE = form(sourceToJson, sourceFromJson);
const TEXT = checked("a string", (value) => typeof value === "string");
const COUNT = checked("a whole number", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
const FLAG = checked("true or false", (value) => typeof value === "boolean");
const oneOf = (...words: readonly string[]): Form =>
  checked(`one of ${words.join(", ")}`, (value) => typeof value === "string" && words.includes(value));
const PROT = oneOf(...PROTS);
const CHANGE = form(changeToJson, changeFromJson);

const SHAPES: Shapes = {
  IovaMapped: { ioas: IOAS, iova: ADDRESS, last: ADDRESS, prot: PROT, source: SOURCE },
  IovaUnmapped: { ioas: IOAS, iova: ADDRESS, last: ADDRESS, bytes: LENGTH },
  MapRefused: { ioas: orNull(IOAS), iova: orNull(ADDRESS), length: LENGTH, prot: PROT, source: SOURCE },
  UnmapRefused: { ioas: orNull(IOAS), iova: ADDRESS, length: LENGTH },
  IoasAllocated: { ioas: IOAS, kernelId: orNull(COUNT) },
  IoasFound: { ioas: IOAS, kernelId: COUNT },
  IoasDestroyed: { ioas: IOAS },
  IovasAllowed: { ioas: IOAS, ranges: RANGES },
  IovaReserved: { ioas: IOAS, owner: TEXT, iova: ADDRESS, last: ADDRESS },
  IovaUnreserved: { ioas: IOAS, owner: TEXT },
  LargePagesEnabled: { ioas: IOAS },
  LargePagesDisabled: { ioas: IOAS },
  HwptAllocated: {
    hwpt: HWPT,
    ioas: IOAS,
    kernelId: orNull(COUNT),
    auto: FLAG,
    pageSize: orNull(LENGTH),
    aperture: orNull(RANGE),
    dirtyTracking: FLAG,
    nestParent: FLAG,
    parent: optional(HWPT),
    fault: optional(COUNT),
    viommu: optional(COUNT),
    takesPasids: optional(FLAG),
    device: optional(TEXT),
  },
  HwptDestroyed: { hwpt: HWPT },
  DirtyTrackingStarted: { hwpt: orNull(HWPT) },
  DirtyTrackingStopped: { hwpt: orNull(HWPT) },
  DeviceBound: { device: TEXT, kernelId: orNull(COUNT), group: orNull(TEXT), objectId: optional(COUNT) },
  DeviceUnbound: { device: TEXT },
  DeviceAttached: {
    device: TEXT,
    pasid: orNull(COUNT),
    ioas: orNull(IOAS),
    hwpt: orNull(HWPT),
    ioasKernelId: optional(COUNT),
  },
  DeviceDetached: { device: TEXT, pasid: orNull(COUNT) },
  AccessAttached: { access: TEXT, kernelId: orNull(COUNT), ioas: orNull(IOAS), pins: FLAG },
  AccessClosed: { access: TEXT },
  WindowCreated: { ioas: IOAS, iova: ADDRESS, last: ADDRESS, pageSize: LENGTH },
  WindowRemoved: { ioas: IOAS, iova: ADDRESS, last: ADDRESS },
  MemoryRegistered: { va: ADDRESS, length: LENGTH },
  MemoryUnregistered: { va: ADDRESS, length: LENGTH },
  RlimitModeSet: { mode: oneOf("user", "mm") },
  CallRefused: { call: TEXT, detail: TEXT },
  FaultReported: {
    format: TEXT,
    device: orNull(TEXT),
    pasid: orNull(COUNT),
    iova: orNull(ADDRESS),
    access: oneOf("read", "write", "unknown"),
    reason: TEXT,
  },
  EventsLost: { count: orNull(COUNT), what: TEXT, ongoing: optional(FLAG) },
  ClockAnchored: { clock: TEXT, seconds: TEXT, realtime: TEXT },
  BookmarkSet: { name: TEXT },
  ContextCreated: { profile: oneOf(...PROFILE_NAMES), kernel: orNull(TEXT), policy: orNull(TEXT), setup: TEXT },
  DriverChanged: { change: CHANGE },
  VfioIoasSet: { ioas: orNull(IOAS) },
  FaultQueueAllocated: { kernelId: COUNT },
  ViommuAllocated: { kernelId: COUNT, hwpt: orNull(HWPT), viommuType: COUNT, iommu: orNull(TEXT) },
  VdeviceAllocated: { kernelId: COUNT, viommu: COUNT, device: TEXT, virtualId: ADDRESS },
  VeventQueueAllocated: { kernelId: COUNT, viommu: COUNT, queueType: COUNT, depth: COUNT },
  HwQueueAllocated: {
    kernelId: COUNT,
    viommu: COUNT,
    queueType: COUNT,
    index: COUNT,
    iova: ADDRESS,
    last: ADDRESS,
    access: TEXT,
  },
  QueueFileClosed: { kernelId: COUNT },
  IommufdObjectDestroyed: { kernelId: COUNT, isLeaked: optional(FLAG) },
};

const FORMS: ReadonlyMap<string, readonly (readonly [string, Form])[]> = new Map(
  Object.entries(SHAPES).map(([type, shape]) => [type, Object.entries<Form>(shape)]),
);

/** `{"type":"IovaMapped","ioas":"ioas0","iova":"0x1000",...}`. */
export function eventToJson(event: IoasEvent): JsonObject {
  const json: Record<string, unknown> = { type: event.type };
  const values: JsonObject = { ...event };
  for (const [field, { toJson }] of FORMS.get(event.type) ?? []) {
    const value = toJson(values[field]);
    if (value !== undefined) json[field] = value;
  }
  return json;
}

/**
 * The event that `eventToJson` wrote. Fields that it does not know are left alone.
 * @throws JsonError which says what of it is not as it should be
 */
export function eventFromJson(json: JsonObject): IoasEvent {
  const { type } = json;
  const forms = typeof type === "string" ? FORMS.get(type) : undefined;
  if (forms === undefined) throw new JsonError(`${JSON.stringify(type)} is no type of event`);
  const event: Record<string, unknown> = { type };
  for (const [field, { fromJson }] of forms) {
    const value = fromJson(json[field], field);
    if (value !== undefined) event[field] = value;
  }
  const { iova, last } = event;
  if (typeof iova === "bigint" && typeof last === "bigint" && iova > last)
    throw new JsonError('"iova" is above "last"');
  return event as IoasEvent;
}
