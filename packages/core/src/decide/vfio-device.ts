/** VFIO device files (drivers/vfio/device_cdev.c: vfio_df_ioctl_bind_iommufd, vfio_df_ioctl_attach_pt, ..._detach_pt). */
import type { AttachVfioDevice, BindVfioDevice, DetachVfioDevice } from "../device-commands.ts";
import type { DeviceTraits, Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import { type Attachment, attachmentKey, type ContextState } from "../state.ts";
import { planAttachment } from "./attachment.ts";
import { type AttachedTo, attachedTo } from "./mock-device.ts";
import { FreeIds } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";
import { detachEvents } from "./release.ts";

const BOUND: Refusal = { errno: "EINVAL", rule: "vfio_df_ioctl_bind_iommufd: the device is bound already" };
const NO_PASIDS: Refusal = { errno: "EINVAL", rule: "vfio_df_ioctl_attach_pt: this kernel knows no flag" };
const BIND = [
  guard<DeviceTraits>(
    "EINVAL",
    "iommufd_device_bind: DMA of the device is not coherent with the caches",
    ({ isCoherent }) => isCoherent === false,
  ),
  guard<DeviceTraits>(
    "EPERM",
    "iommufd_device_bind: the device could raise interrupts of others",
    ({ hasIsolatedMsi }) => hasIsolatedMsi === false,
  ),
];
/** IOMMU_NO_PASID: to iommufd the device itself, to VFIO a PASID like the others. */
const NO_PASID = 0;
const INT_MAX = 0x7fff_ffff;
/** vfio_iommufd_physical_pasid_attach_ioas keeps account of PASIDs before it asks iommufd. */
const PASID = [
  guard<{ readonly asked: number }>(
    "ENOSPC",
    "ida_alloc_range: no PASID is that large",
    ({ asked }) => asked > INT_MAX,
  ),
  guard<{ readonly asked: number; readonly from: Attachment | null }>(
    "EBUSY",
    "iommufd_hw_pagetable_attach: PASID 0 is the device itself, which is attached",
    ({ asked, from }) => asked === NO_PASID && from !== null,
  ),
];
const UNBOUND: Refusal = { errno: "EINVAL", rule: "vfio_device_fops_unl_ioctl: the file is not bound" };

/** A device that another open file has bound is refused too (vfio_df_open). */
export function bindVfioDevice(
  state: ContextState,
  { device, group }: BindVfioDevice,
  { deviceFiles, devices }: Environment,
): Outcome<{ readonly deviceId: number }> {
  const path = deviceFiles.get(device);
  const isBound = [...state.devices.keys()].some((other) => other === device || deviceFiles.get(other) === path);
  if (path !== undefined && isBound) return callRefused("VFIO_DEVICE_BIND_IOMMUFD", BOUND);
  const traits = devices.get(device);
  const refusal = traits === undefined ? null : firstFailing(BIND, traits);
  if (refusal !== null) return callRefused("VFIO_DEVICE_BIND_IOMMUFD", refusal);
  const kernelId = new FreeIds(state).take();
  return accepted({ deviceId: kernelId }, [{ type: "DeviceBound", device, kernelId, group: group ?? null }]);
}

export function attachVfioDevice(
  state: ContextState,
  { device, ptId, pasid: asked }: AttachVfioDevice,
  profile: KernelProfile,
  environment: Environment,
): Outcome<AttachedTo> {
  const refuse = (refusal: Refusal) => callRefused("VFIO_DEVICE_ATTACH_IOMMUFD_PT", refusal);
  const traits = environment.devices.get(device);
  if (!state.devices.has(device) || traits === undefined) return refuse(UNBOUND);
  if (asked !== undefined && !profile.hasPasidAttach) return refuse(NO_PASIDS);
  const pasid = asked === undefined || asked === NO_PASID ? null : asked;
  const from = state.attachments.get(attachmentKey(device, pasid)) ?? null;
  const refusal = asked === undefined ? null : firstFailing(PASID, { asked, from });
  if (refusal !== null) return refuse(refusal);
  const ids = new FreeIds(state);
  const plan = planAttachment({ state, environment, device, pasid, traits, ptId, from, ids });
  return "errno" in plan ? refuse(plan) : accepted(attachedTo(plan.hwpt), plan.events);
}

/** Of a device that is not attached it does nothing, and succeeds. */
export function detachVfioDevice(
  state: ContextState,
  { device, pasid }: DetachVfioDevice,
  profile: KernelProfile,
): Outcome<Readonly<Record<never, never>>> {
  if (!state.devices.has(device)) return callRefused("VFIO_DEVICE_DETACH_IOMMUFD_PT", UNBOUND);
  if (pasid !== undefined && !profile.hasPasidAttach) return callRefused("VFIO_DEVICE_DETACH_IOMMUFD_PT", NO_PASIDS);
  const attachment = state.attachments.get(attachmentKey(device, pasid === NO_PASID ? null : (pasid ?? null)));
  return accepted({}, attachment === undefined ? [] : detachEvents(state, attachment));
}
