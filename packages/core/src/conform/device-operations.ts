/** Operations on devices and page tables, checked and followed. */
import { allocHwptEvents, attachEvents, automaticHwpt, type Candidate } from "../decide/attachment.ts";
import { decide } from "../decide/decide.ts";
import { destroyEvents, unbindEvents } from "../decide/destroy-object.ts";
import type { AttachedTo } from "../decide/mock-device.ts";
import { FreeIds, objectOf } from "../decide/objects.ts";
import { detachEvents } from "../decide/release.ts";
import type { DeviceName, IoasEvent } from "../events.ts";
import type { DeviceTraits } from "../profile/environment.ts";
import { attachmentKey } from "../state.ts";
import type { Checked, Follow } from "./operation.ts";
import { handleNumber, outOf } from "./recorded.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";
import { frameOf } from "./space-operations.ts";

/** IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS. */
const MOCK_NO_DIRTY = 1;

export const destroy: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = { command: "DestroyObject", id: given.number("obj_id"), ...frameOf(given) } as const;
    const { errno, events } = decide<"DestroyObject">(state, command, profile, environment);
    return { errno, events, out: {} };
  },
  follow({ in: given }, { state }) {
    const object = objectOf(state, given.number("obj_id"));
    return object === null ? [] : destroyEvents(state, object);
  },
};

export const mockDomain: Checked = {
  decide({ in: given }, replay) {
    const number = replay.mockDevices;
    const device = `dev${number}`;
    const traits = mockTraits(given.number("dev_flags"), replay);
    const command = {
      command: "CreateMockDevice",
      device,
      deviceFlags: given.number("dev_flags"),
      traits,
      ptId: given.number("pt_id"),
    } as const;
    const { errno, events, out } = decide<"CreateMockDevice">(
      replay.state,
      command,
      replay.profile,
      replay.environment,
    );
    if (out === null) return { errno, events, out: {} };
    const made = { dev: device, dev_id: out.deviceId, idev: `idev${number}`, idev_id: out.boundId };
    return { errno, events, out: { ...made, ...attachedOut(out) } };
  },
  follow(step, replay) {
    const out = outOf(step);
    const device = out.text("dev");
    const traits = mockTraits(step.in.number("dev_flags"), replay);
    const [kernelId, objectId] = [out.number("idev_id"), out.number("dev_id")];
    const bound: IoasEvent = { type: "DeviceBound", device, kernelId, group: null, objectId };
    return [bound, ...followAttach(step, replay, device, traits, step.in.number("pt_id"))];
  },
};

/** Keeps what later steps need to know of a device that the recording shows being made. */
export function rememberMockDevice(step: Step, replay: Replay): void {
  const device = outOf(step).text("dev");
  replay.environment.devices.set(device, mockTraits(step.in.number("dev_flags"), replay));
  replay.mockDevices = handleNumber(device) + 1;
}

export const mockReplace: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const [deviceId, ptId] = [given.number("dev_id"), given.number("pt_id")];
    const command = { command: "ReplaceMockDevice", deviceId, ptId } as const;
    const { errno, events, out } = decide<"ReplaceMockDevice">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : attachedOut(out) };
  },
  follow(step, replay) {
    const object = objectOf(replay.state, step.in.number("dev_id"));
    if (object?.kind !== "selftest") return [];
    return followAttach(step, replay, object.device, traitsOf(replay, object.device), step.in.number("pt_id"));
  },
};

export const hwptAlloc: Follow = (step, replay) => {
  const { state } = replay;
  const flags = step.in.number("flags");
  const device = objectOf(state, step.in.number("idev_id"));
  const parent = objectOf(state, step.in.number("pt_id"));
  const ioas = parent?.kind === "ioas" ? parent.space.handle : parent?.kind === "hwpt" ? parent.hwpt.ioas : null;
  if (ioas === null || device?.kind !== "device") return [];
  const traits = traitsOf(replay, device.device);
  const nested = parent?.kind === "hwpt" ? parent.hwpt.handle : null;
  return allocHwptEvents({
    handle: state.hwpts.length,
    kernelId: outOf(step).number("id"),
    ioas,
    auto: false,
    pageSize: nested === null ? traits.pageSize : null,
    aperture: nested === null ? (traits.unattachedAperture ?? traits.aperture) : null,
    dirtyTracking: nested === null && (flags & 2) !== 0,
    nestParent: nested === null && (flags & 1) !== 0,
    parent: nested,
    isTracking: false,
  });
};

export const setDirty: Follow = ({ in: given }, { state }) => {
  const object = objectOf(state, given.number("hwpt_id"));
  if (object?.kind !== "hwpt") return [];
  const type = (given.number("flags") & 1) !== 0 ? "DirtyTrackingStarted" : "DirtyTrackingStopped";
  return [{ type, hwpt: object.hwpt.handle }];
};

export const vfioBind: Follow = (step, replay) => {
  const device = step.in.text("vdev");
  replay.environment.devices.set(device, replay.host ?? replay.mock);
  return [{ type: "DeviceBound", device, kernelId: outOf(step).number("id"), group: null }];
};

export const vfioAttach: Follow = (step, replay) => {
  const device = step.in.text("vdev");
  return followAttach(step, replay, device, traitsOf(replay, device), step.in.number("pt_id"));
};

export const vfioDetach: Follow = ({ in: given }, { state }) => {
  const attachment = state.attachments.get(attachmentKey(given.text("vdev"), null));
  return attachment === undefined ? [] : detachEvents(state, attachment);
};

export const vfioClose: Follow = ({ in: given }, { state }) => {
  const device = given.text("vdev");
  return state.devices.has(device) ? unbindEvents(state, device) : [];
};

/** The attachment that the recording shows, to the page table that it names. */
function followAttach(step: Step, replay: Replay, device: DeviceName, traits: DeviceTraits, ptId: number): IoasEvent[] {
  const { state, environment } = replay;
  const out = outOf(step);
  const known = state.hwpts[handleNumber(out.text("hwpt"))];
  const from = state.attachments.get(attachmentKey(device, null)) ?? null;
  // A page table made for a move is made before the device is there.
  const late = from === null ? undefined : traits.unattachedAperture;
  const request = {
    state,
    environment,
    device,
    traits: late === undefined ? traits : { ...traits, aperture: late },
    ptId,
    from,
    ids: new FreeIds(state),
  };
  if (known !== undefined && from?.hwpt === known.handle) return [];
  if (known !== undefined)
    return attachEvents({ ...request, hwpt: known, space: state.space(known.ioas), isNew: false });
  const object = objectOf(state, ptId);
  if (object?.kind !== "ioas") return [];
  const { space } = object;
  const made: Candidate = {
    ...request,
    hwpt: automaticHwpt(request, space, out.number("hwpt_id")),
    space,
    isNew: true,
  };
  return attachEvents(made);
}

function mockTraits(flags: number, { mock }: Replay): DeviceTraits {
  return { ...mock, canTrackDirty: (flags & MOCK_NO_DIRTY) === 0 };
}

function traitsOf({ environment, mock }: Replay, device: DeviceName): DeviceTraits {
  return environment.devices.get(device) ?? mock;
}

function attachedOut({ hwpt, hwptId, isAuto }: AttachedTo): Readonly<Record<string, unknown>> {
  return { hwpt: `hwpt${hwpt}`, hwpt_id: hwptId, hwpt_auto: isAuto };
}
