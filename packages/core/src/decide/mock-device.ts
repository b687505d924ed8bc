/** The devices of the kernel's self-test (selftest.c: iommufd_test_mock_domain, iommufd_test_mock_domain_replace). */
import type { CreateMockDevice, ReplaceMockDevice } from "../device-commands.ts";
import type { HwptHandle, IoasEvent } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import { attachmentKey, type ContextState } from "../state.ts";
import { planAttachment } from "./attachment.ts";
import { FreeIds, objectOf } from "./objects.ts";
import { accepted, callRefused, type Outcome, type Refusal } from "./outcome.ts";

export interface AttachedTo {
  readonly hwpt: HwptHandle;
  readonly hwptId: number | null;
  readonly isAuto: boolean;
}

export interface MadeDevice extends AttachedTo {
  readonly deviceId: number;
  readonly boundId: number;
}

const FLAGS: Refusal = { errno: "EINVAL", rule: "mock_dev_create: unknown device flag" };
const NO_DEVICE: Refusal = { errno: "ENOENT", rule: "iommufd_test_mock_domain_replace: no mock device has this id" };

/** Takes three ids in this order: the device, its bound object and, where one is made, the page table. */
export function createMockDevice(
  state: ContextState,
  command: CreateMockDevice,
  profile: KernelProfile,
  environment: Environment,
): Outcome<MadeDevice> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_TEST_OP_MOCK_DOMAIN", refusal);
  const { device, deviceFlags, traits, ptId } = command;
  if ((deviceFlags & ~profile.mockDeviceFlags) !== 0) return refuse(FLAGS);
  const ids = new FreeIds(state);
  const deviceId = ids.take();
  const boundId = ids.take();
  const plan = planAttachment({ state, environment, device, traits, ptId, from: null, ids });
  if ("errno" in plan) return refuse(plan);
  const bound: IoasEvent = { type: "DeviceBound", device, kernelId: boundId, group: null, objectId: deviceId };
  return accepted({ deviceId, boundId, ...attachedTo(plan.hwpt) }, [bound, ...plan.events]);
}

export function replaceMockDevice(
  state: ContextState,
  command: ReplaceMockDevice,
  environment: Environment,
): Outcome<AttachedTo> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE", refusal);
  const object = objectOf(state, command.deviceId);
  const device = object?.kind === "selftest" ? object.device : null;
  const traits = device === null ? undefined : environment.devices.get(device);
  if (device === null || traits === undefined) return refuse(NO_DEVICE);
  const from = state.attachments.get(attachmentKey(device, null)) ?? null;
  const ids = new FreeIds(state);
  const plan = planAttachment({ state, environment, device, traits, ptId: command.ptId, from, ids });
  return "errno" in plan ? refuse(plan) : accepted(attachedTo(plan.hwpt), plan.events);
}

export function attachedTo({
  handle,
  kernelId,
  auto,
}: {
  handle: HwptHandle;
  kernelId: number | null;
  auto: boolean;
}): AttachedTo {
  return { hwpt: handle, hwptId: kernelId, isAuto: auto };
}
