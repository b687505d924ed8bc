/** The domain: events, state, the fold. Pure and synchronous, no dependency. */

export { type ByteLength, byteLength, fits, hex, type Iova, iova, lastOf, lengthOf, U64_MAX } from "./address.ts";
export type { Area } from "./area-slots.ts";
export { AreaTable } from "./area-table.ts";
export { assert, unreachable } from "./assert.ts";
export type { Command, Frame } from "./commands.ts";
export { type ConformOptions, type ConformReport, conformFile, type Disagreement } from "./conform/conform-file.ts";
export { decide, type Outputs } from "./decide/decide.ts";
export type { Outcome, Refusal } from "./decide/outcome.ts";
export { type Decimal, formatDecimal, minus, parseDecimal, plus, ticksAt } from "./decimal.ts";
export { isPciAddress, plainDevice, sameDevice } from "./device-name.ts";
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
export { eventFromJson, eventToJson, type JsonObject } from "./event-json.ts";
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
export type { AccessPin, DeviceTraits, Environment } from "./profile/environment.ts";
export { type KernelProfile, kernelProfile } from "./profile/kernel-profile.ts";
export { UserMemory } from "./profile/user-memory.ts";
export { holes, intersection, merged, overlaps, type Range, WHOLE_SPACE } from "./range.ts";
export { RangeSet } from "./range-set.ts";
export { recordedFromJson, recordedToJson } from "./recorded-json.ts";
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
export { type ClockJson, daysOfCivil, rfc3339, type StampJson, secondsOfRfc3339, stampToJson } from "./stamp-json.ts";
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
export { JsonError } from "./value-json.ts";
