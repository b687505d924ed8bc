/** Operations on objects and on the devices of the self-test, checked and followed. */
import { attachEvents, automaticHwpt, type Candidate } from "../decide/attachment.ts";
import { decide } from "../decide/decide.ts";
import { destroyEvents } from "../decide/destroy-object.ts";
import type { AttachedTo } from "../decide/mock-device.ts";
import { FreeIds, objectOf } from "../decide/objects.ts";
import type { DeviceName, IoasEvent } from "../events.ts";
import type { DeviceTraits } from "../profile/environment.ts";
import { mockTraits } from "../profile/mock-traits.ts";
import { attachmentKey } from "../state.ts";
import type { Checked } from "./operation.ts";
import { countHandle, handleNumber, outOf } from "./recorded.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";
import { frameOf } from "./space-operations.ts";

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
    const number = replay.nextNumber("dev");
    const device = `dev${number}`;
    const traits = mockTraits(replay.mock, given.number("dev_flags"), replay.profile);
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
    const traits = mockTraits(replay.mock, step.in.number("dev_flags"), replay.profile);
    const [kernelId, objectId] = [out.number("idev_id"), out.number("dev_id")];
    const bound: IoasEvent = { type: "DeviceBound", device, kernelId, group: null, objectId };
    return [bound, ...followAttach(step, replay, device, traits, step.in.number("pt_id"))];
  },
};

/** Keeps what later steps need to know of a device that the recording shows being made. */
export function rememberMockDevice(step: Step, replay: Replay): void {
  const traits = mockTraits(replay.mock, step.in.number("dev_flags"), replay.profile);
  replay.environment.devices.set(outOf(step).text("dev"), traits);
  countHandle(step, replay, "dev");
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

/** The attachment that the recording shows, to the page table that it names. */
export function followAttach(
  step: Step,
  replay: Replay,
  device: DeviceName,
  traits: DeviceTraits,
  ptId: number,
): IoasEvent[] {
  const { state, environment } = replay;
  const out = outOf(step);
  const known = state.hwpts[handleNumber(out.text("hwpt"))];
  const from = state.attachments.get(attachmentKey(device, null)) ?? null;
  const request = {
    state,
    environment,
    device,
    traits,
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

export function traitsOf({ environment, mock, profile }: Replay, device: DeviceName): DeviceTraits {
  return environment.devices.get(device) ?? mockTraits(mock, 0, profile);
}

function attachedOut({ hwpt, hwptId, isAuto }: AttachedTo): Readonly<Record<string, unknown>> {
  return { hwpt: `hwpt${hwpt}`, hwpt_id: hwptId, hwpt_auto: isAuto };
}
