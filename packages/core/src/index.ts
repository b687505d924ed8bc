/** The domain: events, state, the fold. Pure and synchronous, no dependency. */

export { type ByteLength, byteLength, fits, hex, type Iova, iova, lastOf, lengthOf, U64_MAX } from "./address.ts";
export { type Area, clipRuns } from "./area.ts";
export { AreaTable } from "./area-table.ts";
export { assert, unreachable } from "./assert.ts";
export type { Command, Frame } from "./commands.ts";
export { type CompatCommand, type CompatOutputs, decideCompat } from "./compat/decide.ts";
export { type ConformOptions, type ConformReport, conformFile, type Disagreement } from "./conform/conform-file.ts";
export { noCounts } from "./conform/counts.ts";
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
  TYPE_MAP_REFUSED,
  TYPE_MAPPED,
  TYPE_UNMAP_REFUSED,
  TYPE_UNMAPPED,
} from "./event-batch.ts";
export { eventFromJson, eventToJson, type JsonObject } from "./event-json.ts";
export { eventAt, recordedAt, sourceAt, sourceOf, stampAt } from "./event-row.ts";
export {
  type Actor,
  type ColdEvent,
  type DeviceName,
  type DriverChange,
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
export { applyBatch, applyUpTo, applyWhileRight, evolve } from "./evolve.ts";
export {
  type Fact,
  factOfRange,
  type KernelRef,
  type ObservedEvent,
  PROFILE_NAMES,
  type ProfileName,
  RangeFact,
} from "./fact.ts";
export { FAILURE_CODES, type FailureCode, IoasisError } from "./failure.ts";
export { hostsFromJson, hostToJson } from "./host/host-json.ts";
export type {
  HostDevice,
  HostLimits,
  HostProfile,
  RegionType,
  ReservedRegion,
} from "./host/host-profile.ts";
export { parseReservedRegions } from "./host/reserved-regions.ts";
export { hostOfSysfs, type SysfsFiles } from "./host/sysfs-host.ts";
export { splitCommandLine } from "./layout/command-line.ts";
export type { GuestLayout, LayoutOptions, LayoutRange, LayoutReserved, Viommu, ViommuKind } from "./layout/layout.ts";
export { layoutFromJson, layoutToJson } from "./layout/layout-json.ts";
export { layoutOf } from "./layout/layout-of.ts";
export { layoutOfQemuArgs, layoutOptionsOfQemuArgs } from "./layout/qemu-args.ts";
export { sizeOf, sizeWords } from "./layout/size.ts";
export { type CommandTable, commandFromJson } from "./model/command-fields.ts";
export { DriverModel, type DriverOutcome, type ModelledDriver } from "./model/driver-model.ts";
export { guestOf } from "./model/guest-of.ts";
export { IommufdModel } from "./model/iommufd-model.ts";
export type { Model, ModelCommand, ModelOutcome } from "./model/model.ts";
export { outcomeToJson } from "./model/outcome-json.ts";
export {
  createdOf,
  firstEvents,
  kernelOf,
  loadModel,
  MODELLED_PROFILES,
  modelOf,
  resumeModel,
} from "./model/profiles.ts";
export type { SavedDriver, SavedModel } from "./model/saved-model.ts";
export { type ContextCreated, contextCreated, type NamedEndpoint } from "./model/setup.ts";
export { Type1Driver as Type1ContextDriver } from "./model/type1-model.ts";
export { type AnyDestination, type Applied, applyPlan, type PlanRefusal } from "./plan/apply-plan.ts";
export { callNames, callOf } from "./plan/call-of.ts";
export { Destination, type DestinationOptions } from "./plan/destination.ts";
export { type PlanOptions, planOf } from "./plan/plan-of.ts";
export { type ProcessPlan, processPlanOf, type UnfiledMapping } from "./plan/process-plan.ts";
export { type Dialect, dialectOf, type Plan, type Step } from "./plan/step.ts";
export { VfioDestination, type VfioDestinationOptions } from "./plan/vfio-destination.ts";
export { VirtioDestination, type VirtioDestinationOptions } from "./plan/virtio-destination.ts";
export { type AddressUse, type AttachUse, addressUse, type SpaceUse } from "./policy/address-use.ts";
export {
  type AskedRange,
  asAllowedRange,
  asAskedRange,
  asWindow,
  checkOnType1,
  rangeAsked,
  type WindowPlace,
} from "./policy/alloc-address.ts";
export {
  type AttachBase,
  attachBase,
  baseOfPasid,
  busOfOffset,
  offsetOfBus,
  offsetOfBusRange,
  pasidOfBase,
  type Selector,
} from "./policy/attach-address.ts";
export type { Move } from "./policy/boot-layout.ts";
export { decideUnderPolicy, placementRefusal, policyRefusal } from "./policy/decide-under-policy.ts";
export { type GuestView, guestView } from "./policy/guest-view.ts";
export {
  type Constraint,
  POLICIES,
  type Policy,
  type PolicyRules,
  type PolicySetup,
  type Territory,
} from "./policy/policy.ts";
export { policyOfName, policyRules } from "./policy/policy-rules.ts";
export type { Conflict, Rule } from "./precheck/conflict.ts";
export { type Demand, demandOfLayout, demandOfState, type Needs } from "./precheck/demand.ts";
export { type HostVerdict, type PrecheckOptions, type PrecheckReport, precheck } from "./precheck/precheck.ts";
export { precheckToJson } from "./precheck/precheck-json.ts";
export { DirtyPages } from "./profile/dirty-pages.ts";
export type { AccessPin, DeviceTraits, Environment } from "./profile/environment.ts";
export { type KernelProfile, kernelProfile } from "./profile/kernel-profile.ts";
export { UserMemory } from "./profile/user-memory.ts";
export { holes, intersection, merged, overlaps, type Range, WHOLE_SPACE } from "./range.ts";
export { RangeSet } from "./range-set.ts";
export { recordedFromJson, recordedToJson } from "./recorded-json.ts";
export { layoutRanges } from "./rules/layout-ranges.ts";
export { type LayoutFile, layoutFilesOf, parseRules } from "./rules/parse-rules.ts";
export type { Rule as AuditRule, RuleSink, Violation } from "./rules/rule.ts";
export { type RuleRun, ruleRun } from "./rules/rule-run.ts";
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
export type { SpaprCommand } from "./spapr/commands.ts";
export { decideSpapr, type SpaprOutputs } from "./spapr/decide.ts";
export type { SpaprEnvironment } from "./spapr/environment.ts";
export type { SpaprEvent } from "./spapr/events.ts";
export { applySpapr } from "./spapr/evolve.ts";
export { SPAPR_BUGS, type SpaprBug } from "./spapr/kernel-bugs.ts";
export type { SpaprOutcome } from "./spapr/outcome.ts";
export {
  type Machine as SpaprMachine,
  type PeTraits as SpaprPeTraits,
  type Platform as SpaprPlatform,
  peTraits as spaprPeTraits,
  platformOf as spaprPlatformOf,
} from "./spapr/platform.ts";
export { SpaprState } from "./spapr/state.ts";
export { translate as translateSpapr } from "./spapr/translate.ts";
export { type ClockJson, daysOfCivil, rfc3339, type StampJson, secondsOfRfc3339, stampToJson } from "./stamp-json.ts";
export {
  type Access,
  type Attachment,
  attachmentKey,
  type BoundDevice,
  ContextState,
  type Hwpt,
  type IommufdObject,
  type RegisteredMemory,
  type Reservation,
  Space,
  type Window,
} from "./state.ts";
export type { Type1Command, UserBitmap } from "./type1/commands.ts";
export { decideType1, type Type1Outputs } from "./type1/decide.ts";
export type {
  GroupTraits as Type1GroupTraits,
  IommuTraits as Type1IommuTraits,
  Type1Environment,
} from "./type1/environment.ts";
export type { Type1Event } from "./type1/events.ts";
export { applyType1 } from "./type1/evolve.ts";
export { type KernelBug, TOP_OF_SPACE } from "./type1/kernel-bugs.ts";
export type { Type1Outcome } from "./type1/outcome.ts";
export { Driver as Type1Driver, type Layout as Type1Layout, Type1State } from "./type1/state.ts";
export { type Type1Profile, type1Profile, VFIO_TYPE1, VFIO_TYPE1V2 } from "./type1/type1-profile.ts";
export { JsonError } from "./value-json.ts";
export type { VirtioIommuCommand } from "./virtio-iommu/commands.ts";
export { decideVirtioIommu, type VirtioIommuOutputs } from "./virtio-iommu/decide.ts";
export { DEVICE_BUGS, type DeviceBug } from "./virtio-iommu/device-bugs.ts";
export { endpointName } from "./virtio-iommu/domains.ts";
export { type EndpointMode, endpointMode } from "./virtio-iommu/endpoint-mode.ts";
export {
  type EndpointRegion,
  type EndpointTraits,
  endpointOfHostDevice,
  IMPLEMENTATIONS,
  type Implementation,
  type VirtioIommuEnvironment,
  virtioIommuEnvironment,
} from "./virtio-iommu/environment.ts";
export type { VirtioIommuOutcome } from "./virtio-iommu/outcome.ts";
export { errnoOfStatus, VIRTIO_IOMMU_STATUSES, type VirtioIommuStatus } from "./virtio-iommu/status.ts";
