/** VFIO device files (drivers/vfio/device_cdev.c: vfio_df_ioctl_bind_iommufd, vfio_df_ioctl_attach_pt, ..._detach_pt). */
import type { AttachVfioDevice, BindVfioDevice, DetachVfioDevice } from "../device-commands.ts";
import type { Environment } from "../profile/environment.ts";
import { attachmentKey, type ContextState } from "../state.ts";
import { planAttachment } from "./attachment.ts";
import { type AttachedTo, attachedTo } from "./mock-device.ts";
import { FreeIds } from "./objects.ts";
import { accepted, callRefused, type Outcome, type Refusal } from "./outcome.ts";
import { detachEvents } from "./release.ts";

const BOUND: Refusal = { errno: "EINVAL", rule: "vfio_df_ioctl_bind_iommufd: the device is bound already" };
const UNBOUND: Refusal = { errno: "EINVAL", rule: "vfio_device_fops_unl_ioctl: the file is not bound" };

/** A device that another open file has bound is refused too (vfio_df_open). */
export function bindVfioDevice(
  state: ContextState,
  { device }: BindVfioDevice,
  { deviceFiles }: Environment,
): Outcome<{ readonly deviceId: number }> {
  const path = deviceFiles.get(device);
  const isBound = [...state.devices.keys()].some((other) => other === device || deviceFiles.get(other) === path);
  if (path !== undefined && isBound) return callRefused("VFIO_DEVICE_BIND_IOMMUFD", BOUND);
  const kernelId = new FreeIds(state).take();
  return accepted({ deviceId: kernelId }, [{ type: "DeviceBound", device, kernelId, group: null }]);
}

export function attachVfioDevice(
  state: ContextState,
  { device, ptId }: AttachVfioDevice,
  environment: Environment,
): Outcome<AttachedTo> {
  const refuse = (refusal: Refusal) => callRefused("VFIO_DEVICE_ATTACH_IOMMUFD_PT", refusal);
  const traits = environment.devices.get(device);
  if (!state.devices.has(device) || traits === undefined) return refuse(UNBOUND);
  const from = state.attachments.get(attachmentKey(device, null)) ?? null;
  const ids = new FreeIds(state);
  const plan = planAttachment({ state, environment, device, traits, ptId, from, ids });
  return "errno" in plan ? refuse(plan) : accepted(attachedTo(plan.hwpt), plan.events);
}

/** Of a device that is not attached it does nothing, and succeeds. */
export function detachVfioDevice(
  state: ContextState,
  { device }: DetachVfioDevice,
): Outcome<Readonly<Record<never, never>>> {
  if (!state.devices.has(device)) return callRefused("VFIO_DEVICE_DETACH_IOMMUFD_PT", UNBOUND);
  const attachment = state.attachments.get(attachmentKey(device, null));
  return accepted({}, attachment === undefined ? [] : detachEvents(state, attachment));
}
