/** IOMMU_VIOMMU_ALLOC and IOMMU_VDEVICE_ALLOC (viommu.c). From source, not refereed. */
import type { AllocVdevice, AllocViommu } from "../object-commands.ts";
import type { Environment, VirtualTraits } from "../profile/environment.ts";
import type { ContextState, IommufdObject } from "../state.ts";
import { FreeIds, NO_DEVICE, NO_PAGING_HWPT, NO_VIOMMU, objectOf, pagingHwptOf } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";

const REQUEST = guard<AllocViommu>(
  "EOPNOTSUPP",
  "iommufd_viommu_alloc_ioctl: a flag, or no type",
  ({ flags, viommuType }) => flags !== 0 || viommuType === 0,
);
const NO_DRIVER: Refusal = { errno: "EOPNOTSUPP", rule: "iommufd_viommu_alloc_ioctl: no driver for a vIOMMU like it" };
const NO_PARENT: Refusal = { errno: "EINVAL", rule: "iommufd_viommu_alloc_ioctl: no parent of nested tables" };

export function allocViommu(
  state: ContextState,
  command: AllocViommu,
  environment: Environment,
): Outcome<{ readonly viommuId: number }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_VIOMMU_ALLOC", refusal);
  const asked = firstFailing([REQUEST], command);
  if (asked !== null) return refuse(asked);
  const bound = objectOf(state, command.deviceId);
  if (bound?.kind !== "device") return refuse(NO_DEVICE);
  const { viommuType } = command;
  const driver = virtualTraitsOf(environment, bound.device);
  if (driver?.viommuType !== viommuType) return refuse(NO_DRIVER);
  const hwpt = pagingHwptOf(state, command.hwptId);
  if (hwpt === null) return refuse(NO_PAGING_HWPT);
  if (!hwpt.nestParent) return refuse(NO_PARENT);
  const kernelId = new FreeIds(state).take();
  const made = { type: "ViommuAllocated", kernelId, hwpt: hwpt.handle, viommuType, iommu: driver.iommu } as const;
  return accepted({ viommuId: kernelId }, [made]);
}

interface VdeviceCall {
  readonly viommu: Extract<IommufdObject, { kind: "viommu" }>;
  readonly driver: VirtualTraits | undefined;
  readonly command: AllocVdevice;
  readonly device: string;
  readonly others: readonly Extract<IommufdObject, { kind: "vdevice" }>[];
}

const VDEVICE = [
  guard<VdeviceCall>(
    "EINVAL",
    "iommufd_vdevice_alloc_ioctl: the device sits behind another IOMMU",
    ({ viommu, driver }) => viommu.iommu !== (driver?.iommu ?? null),
  ),
  guard<VdeviceCall>("EEXIST", "iommufd_vdevice_alloc_ioctl: the device has a vDEVICE", ({ others, device }) =>
    others.some((other) => other.device === device),
  ),
  guard<VdeviceCall>(
    "EEXIST",
    "iommufd_vdevice_alloc_ioctl: the vIOMMU has a vDEVICE with this virtual id",
    ({ others, command }) =>
      others.some((other) => other.viommu === command.viommuId && other.virtualId === command.virtualId),
  ),
];

export function allocVdevice(
  state: ContextState,
  command: AllocVdevice,
  environment: Environment,
): Outcome<{ readonly vdeviceId: number }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_VDEVICE_ALLOC", refusal);
  const { viommuId, virtualId } = command;
  const viommu = state.objects.get(viommuId);
  if (viommu?.kind !== "viommu") return refuse(NO_VIOMMU);
  const bound = objectOf(state, command.deviceId);
  if (bound?.kind !== "device") return refuse(NO_DEVICE);
  const { device } = bound;
  const others = [...state.objects.values()].flatMap((object) => (object.kind === "vdevice" ? [object] : []));
  const driver = virtualTraitsOf(environment, device);
  const refusal = firstFailing(VDEVICE, { viommu, driver, command, device, others });
  if (refusal !== null) return refuse(refusal);
  const kernelId = new FreeIds(state).take();
  const made = { type: "VdeviceAllocated", kernelId, viommu: viommuId, device, virtualId } as const;
  return accepted({ vdeviceId: kernelId }, [made]);
}

/** What the driver of a device offers to a guest's IOMMU. */
export function virtualTraitsOf({ devices }: Environment, device: string): VirtualTraits | undefined {
  return devices.get(device)?.virtual;
}

/** The driver behind a vIOMMU: that of any device behind the same IOMMU. */
export function driverOf(
  { devices }: Environment,
  { iommu, viommuType }: Extract<IommufdObject, { kind: "viommu" }>,
): VirtualTraits | null {
  for (const { virtual } of devices.values())
    if (virtual?.iommu === iommu && virtual.viommuType === viommuType) return virtual;
  return null;
}
