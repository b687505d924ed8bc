/**
 * IOMMU_HWPT_ALLOC (hw_pagetable.c: iommufd_hwpt_alloc, iommufd_hwpt_paging_alloc, iommufd_hwpt_nested_alloc).
 * Recordings hold paging tables and the refusals of nested ones; that a nested one is made follows the source alone.
 */
import {
  type AllocHwpt,
  HWPT_DIRTY_TRACKING,
  HWPT_FAULT_ID_VALID,
  HWPT_NEST_PARENT,
  HWPT_PASID,
} from "../device-commands.ts";
import type { DeviceName, HwptHandle } from "../events.ts";
import type { DeviceTraits, Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState, Hwpt, Space } from "../state.ts";
import { virtualTraitsOf } from "./alloc-viommu.ts";
import { allocHwptEvents, newTableRefusal } from "./attachment.ts";
import { FreeIds, NO_DEVICE, objectOf } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";

/** IOMMU_HWPT_DATA_SELFTEST: at least one u32, of paging and nested tables alike. */
const DATA_BYTES_MIN = 4;

type MadeHwpt = { readonly hwpt: HwptHandle; readonly hwptId: number };

interface Call {
  readonly state: ContextState;
  readonly command: AllocHwpt;
  readonly profile: KernelProfile;
  readonly environment: Environment;
  readonly traits: DeviceTraits;
  readonly device: DeviceName;
}

const REQUEST = [
  guard<AllocHwpt>("EOPNOTSUPP", "iommufd_hwpt_alloc: reserved field", ({ reserved }) => (reserved ?? 0) !== 0),
  guard<AllocHwpt>(
    "EINVAL",
    "iommufd_hwpt_alloc: data without a type, or a type without data",
    ({ dataType, dataLength }) => (dataType === 0) !== (dataLength === 0),
  ),
];

const PAGING = [
  guard<Call>(
    "EOPNOTSUPP",
    "iommufd_hwpt_paging_alloc: unknown flag",
    ({ command, profile }) => (command.flags & ~profile.hwptFlags.paging) !== 0,
  ),
  guard<Call>(
    "EOPNOTSUPP",
    "iommufd_hwpt_paging_alloc: a parent of nested tables takes no faults",
    ({ command }) => isSet(command, HWPT_FAULT_ID_VALID) && isSet(command, HWPT_NEST_PARENT),
  ),
  guard<Call>(
    "EOPNOTSUPP",
    "iommufd_hwpt_paging_alloc: the device cannot track dirty pages",
    ({ command, traits }) => isSet(command, HWPT_DIRTY_TRACKING) && !traits.canTrackDirty,
  ),
  guard<Call>(
    "EOPNOTSUPP",
    "domain_alloc_paging_flags: the driver takes no such flag",
    ({ command, traits }) => (command.flags & ~HWPT_FAULT_ID_VALID & ~traits.hwptFlags) !== 0,
  ),
  guard<Call>(
    "EOPNOTSUPP",
    "domain_alloc_paging_flags: the driver takes no data",
    ({ command, traits }) => command.dataType !== 0 && traits.pagingDataType === null,
  ),
  guard<Call>(
    "EOPNOTSUPP",
    "domain_alloc_paging_flags: the data is another driver's",
    ({ command, traits }) => command.dataType !== 0 && command.dataType !== traits.pagingDataType,
  ),
  guard<Call>(
    "EINVAL",
    "iommu_copy_struct_from_user: the data is too short",
    ({ command }) => command.dataType !== 0 && command.dataLength < DATA_BYTES_MIN,
  ),
];

type NestedCall = Call & { readonly parent: Hwpt };

const NESTED = [
  guard<NestedCall>(
    "EOPNOTSUPP",
    "iommufd_hwpt_nested_alloc: unknown flag, no data, or no driver for it",
    ({ command, profile, traits }) =>
      (command.flags & ~profile.hwptFlags.nested) !== 0 || command.dataLength === 0 || traits.nestedDataType === null,
  ),
  guard<NestedCall>(
    "EINVAL",
    "iommufd_hwpt_nested_alloc: no parent of nested tables",
    ({ parent }) => parent.auto || !parent.nestParent,
  ),
  guard<NestedCall>("EINVAL", "iommufd_hwpt_nested_alloc: the parent is another driver's", isOtherDrivers),
  guard<NestedCall>(
    "EOPNOTSUPP",
    "domain_alloc_nested: the data is another driver's",
    ({ command, traits }) => command.dataType !== traits.nestedDataType,
  ),
  guard<NestedCall>(
    "EINVAL",
    "iommu_copy_struct_from_user: the data is too short",
    ({ command }) => command.dataLength < DATA_BYTES_MIN,
  ),
];

/** Drivers are told apart by the nested tables that they walk. */
function isOtherDrivers({ parent, environment, traits }: NestedCall): boolean {
  const made = parent.device === undefined ? undefined : environment.devices.get(parent.device);
  return made !== undefined && made.nestedDataType !== traits.nestedDataType;
}

const NO_TABLE: Refusal = { errno: "EINVAL", rule: "iommufd_hwpt_alloc: neither an ioas nor a paging table" };
const OTHER_IOMMU: Refusal = { errno: "EINVAL", rule: "iommufd_hwpt_alloc: the device sits behind another IOMMU" };
const NO_FAULT: Refusal = { errno: "ENOENT", rule: "iommufd_get_fault: no fault queue has this id" };

export function allocHwpt(
  state: ContextState,
  command: AllocHwpt,
  profile: KernelProfile,
  environment: Environment,
): Outcome<MadeHwpt> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_HWPT_ALLOC", refusal);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refuse(asked);
  const bound = objectOf(state, command.deviceId);
  if (bound?.kind !== "device") return refuse(NO_DEVICE);
  const { device } = bound;
  const traits = environment.devices.get(device);
  if (traits === undefined) return refuse(NO_DEVICE);
  const call = { state, command, profile, environment, traits, device };
  const object = objectOf(state, command.ptId);
  const kernelId = new FreeIds(state).take();
  let made: Hwpt | Refusal = NO_TABLE;
  if (object?.kind === "ioas") made = pagingTable(call, object.space, kernelId);
  else if (object?.kind === "hwpt" && object.hwpt.parent === null) made = nestedTable(call, object.hwpt, kernelId);
  else if (object?.kind === "other" && object.object.kind === "viommu") {
    const { hwpt, iommu } = object.object;
    const parent = hwpt === null ? undefined : state.hwpts[hwpt];
    if (iommu !== (virtualTraitsOf(environment, device)?.iommu ?? null)) return refuse(OTHER_IOMMU);
    if (parent !== undefined) made = nestedTable(call, parent, kernelId, object.id);
  }
  if ("errno" in made) return refuse(made);
  const fault = faultOf(state, command);
  if (typeof fault === "object") return refuse(fault);
  const pasid = isSet(command, HWPT_PASID) ? { takesPasids: true as const } : {};
  const hwpt: Hwpt = { ...made, ...(fault === undefined ? {} : { fault }), ...pasid };
  return accepted({ hwpt: hwpt.handle, hwptId: kernelId }, allocHwptEvents(hwpt));
}

/** The fault queue that the table is linked to. */
function faultOf(state: ContextState, command: AllocHwpt): number | undefined | Refusal {
  if (!isSet(command, HWPT_FAULT_ID_VALID)) return undefined;
  const id = command.faultId ?? 0;
  return state.objects.get(id)?.kind === "fault" ? id : NO_FAULT;
}

function pagingTable(call: Call, space: Space, kernelId: number): Hwpt | Refusal {
  const { state, command, environment, traits, device } = call;
  const refusal = firstFailing(PAGING, call);
  if (refusal !== null) return refusal;
  const hwpt: Hwpt = {
    ...newHwpt(state, kernelId, space.handle),
    pageSize: traits.pageSize,
    aperture: traits.unattachedAperture ?? traits.aperture,
    dirtyTracking: isSet(command, HWPT_DIRTY_TRACKING),
    nestParent: isSet(command, HWPT_NEST_PARENT),
    ...(isSet(command, HWPT_NEST_PARENT) ? { device } : {}),
  };
  return newTableRefusal({ state, environment, hwpt, space }) ?? hwpt;
}

function nestedTable(call: Call, parent: Hwpt, kernelId: number, viommu?: number): Hwpt | Refusal {
  const refusal = firstFailing(NESTED, { ...call, parent });
  const made = { ...newHwpt(call.state, kernelId, parent.ioas), parent: parent.handle, device: call.device };
  return refusal ?? (viommu === undefined ? made : { ...made, viommu });
}

/** One made by the user, that maps nothing yet. */
function newHwpt(state: ContextState, kernelId: number, ioas: number): Hwpt {
  return {
    handle: state.hwpts.length,
    kernelId,
    ioas,
    auto: false,
    pageSize: null,
    aperture: null,
    dirtyTracking: false,
    nestParent: false,
    parent: null,
    isTracking: false,
  };
}

function isSet({ flags }: AllocHwpt, flag: number): boolean {
  return (flags & flag) !== 0;
}
