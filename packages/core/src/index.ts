/** The domain: events, state, the fold. Pure and synchronous, no dependency. */

export { type ByteLength, byteLength, fits, hex, type Iova, iova, lastOf, lengthOf, U64_MAX } from "./address.ts";
export { type Area, AreaTable } from "./area-table.ts";
export { assert, unreachable } from "./assert.ts";
export { type Decimal, formatDecimal, minus, parseDecimal, plus, ticksAt } from "./decimal.ts";
export { type Applicability, applies, type Drift, driftOf } from "./drift.ts";
export { ERRNOS, type Errno, errnoCode, errnoOfCode, errnoOfName, errnoOfNumber } from "./errno.ts";
export {
  type ClockColumn,
  type Envelope,
  EventBatch,
  eventAt,
  recordedAt,
  sourceAt,
  sourceOf,
  stampAt,
  TYPE_MAP_REFUSED,
  TYPE_MAPPED,
  TYPE_UNMAP_REFUSED,
  TYPE_UNMAPPED,
} from "./event-batch.ts";
export {
  type Actor,
  type ColdEvent,
  type DeviceName,
  EVENT_TYPES,
  type EventOf,
  type EventType,
  type HotEvent,
  type HwptHandle,
  type IoasEvent,
  type IoasHandle,
  type Recorded,
  type ReservationOwner,
  type Stamp,
} from "./events.ts";
export { applyBatch, applyUpTo, evolve } from "./evolve.ts";
export type { Fact, KernelRef, ObservedEvent, ProfileName } from "./fact.ts";
export { FAILURE_CODES, type FailureCode, IoasisError } from "./failure.ts";
export { holes, merged, overlaps, type Range, WHOLE_SPACE } from "./range.ts";
export { RangeSet } from "./range-set.ts";
export {
  PROTS,
  type Prot,
  protOf,
  type Run,
  SOURCE_KINDS,
  type Source,
  type SourceKind,
  UNKNOWN_SOURCE,
} from "./source.ts";
export { type ClockJson, rfc3339, type StampJson, secondsOfRfc3339, stampToJson } from "./stamp-json.ts";
export {
  type Access,
  type Attachment,
  attachmentKey,
  type BoundDevice,
  ContextState,
  type Hwpt,
  type RegisteredMemory,
  type Reservation,
  Space,
  type Window,
} from "./state.ts";
