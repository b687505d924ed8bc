/** Operations on VFIO device files. */
import { decide } from "../decide/decide.ts";
import { unbindEvents } from "../decide/destroy-object.ts";
import { detachEvents } from "../decide/release.ts";
import { mockTraits } from "../profile/mock-traits.ts";
import { attachmentKey } from "../state.ts";
import { followAttach, traitsOf } from "./device-operations.ts";
import { type Checked, NOTHING, plain } from "./operation.ts";
import { countHandle, outOf } from "./recorded.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";

/** Which devices there are is an input that the recording leaves out: every path opens. */
export const open: Checked = {
  decide: (_step, replay) => ({ errno: null, out: { vdev: replay.nextHandle("vdev") }, events: [] }),
  follow: NOTHING,
};

export function rememberOpen(step: Step, replay: Replay): void {
  const device = outOf(step).text("vdev");
  countHandle(step, replay, "vdev");
  replay.environment.deviceFiles.set(device, step.in.text("path"));
  const { host, mock, profile } = replay;
  replay.environment.devices.set(device, host ?? mockTraits(mock, 0, profile));
}

export const bind: Checked = {
  decide({ in: given }, replay) {
    const command = { command: "BindVfioDevice", device: given.text("vdev") } as const;
    const { state, profile, environment } = replay;
    const { errno, events, out } = decide<"BindVfioDevice">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { videv: replay.nextHandle("videv"), id: out.deviceId } };
  },
  follow: (step) => [
    { type: "DeviceBound", device: step.in.text("vdev"), kernelId: outOf(step).number("id"), group: null },
  ],
};

export const attach: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = { command: "AttachVfioDevice", device: given.text("vdev"), ptId: given.number("pt_id") } as const;
    const { errno, events, out } = decide<"AttachVfioDevice">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { hwpt: `hwpt${out.hwpt}`, hwpt_id: out.hwptId } };
  },
  follow(step, replay) {
    const device = step.in.text("vdev");
    return followAttach(step, replay, device, traitsOf(replay, device), step.in.number("pt_id"));
  },
};

export const detach: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = { command: "DetachVfioDevice", device: given.text("vdev") } as const;
    return plain(decide<"DetachVfioDevice">(state, command, profile, environment));
  },
  follow({ in: given }, { state }) {
    const attachment = state.attachments.get(attachmentKey(given.text("vdev"), null));
    return attachment === undefined ? [] : detachEvents(state, attachment);
  },
};

/** Closing the file detaches and unbinds. */
export const close: Checked = {
  decide({ in: given }, { state, environment }) {
    const device = given.text("vdev");
    if (!environment.deviceFiles.has(device)) return { errno: "EBADF", out: {}, events: [] };
    const events = state.devices.has(device) ? unbindEvents(state, device) : [];
    return { errno: null, out: {}, events, remember: () => void environment.deviceFiles.delete(device) };
  },
  follow({ in: given }, { state }) {
    const device = given.text("vdev");
    return state.devices.has(device) ? unbindEvents(state, device) : [];
  },
};
