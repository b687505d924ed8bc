/** Which spaces a faulting device can have used. */
import { type ContextState, type IoasHandle, sameDevice } from "@ioasis/core";
import { ioasName } from "./area-json.ts";
import type { ContextIndex } from "./context-index.ts";
import { type EventMark, markAt } from "./event-mark.ts";
import type { Fault } from "./fault.ts";
import { lastLandmark } from "./touching.ts";

export interface Suspects {
  /** Handles; null: any. */
  readonly spaces: ReadonlySet<IoasHandle> | null;
  /** Set when the record shows that the device was attached once and is not any more. */
  readonly detached: EventMark | null;
  /** What the attachment says, whole sentences. */
  readonly evidence: readonly string[];
  readonly uncertainty: readonly string[];
}

/** What fault lines print for "no PASID": IOMMU_PASID_INVALID and the 20-bit form of it. */
const NO_PASID: ReadonlySet<number> = new Set([0xffff_ffff, 0xf_ffff]);

export function suspectsOf(index: ContextIndex, state: ContextState, version: number, fault: Fault): Suspects {
  const { device } = fault;
  if (device === null) return anySpace("The fault names no device, so every space was searched.");
  const pasid = fault.pasid === null || NO_PASID.has(fault.pasid) ? null : fault.pasid;
  const own = [...state.attachments.values()].filter((attachment) => sameDevice(attachment.device, device));
  const [attachment] = own.filter((each) => each.pasid === pasid).concat(own);
  if (attachment === undefined) return unattached(index, version, device);
  const { ioas } = attachment;
  if (ioas !== null)
    return {
      spaces: new Set([ioas]),
      detached: null,
      evidence: [`Device ${device} is attached to ${ioasName(ioas)}.`],
      uncertainty: [],
    };
  const others = new Set([...state.attachments.values()].map((each) => each.device));
  others.delete(attachment.device);
  const beside =
    others.size === 0 ? "" : `, and ${others.size} more ${others.size === 1 ? "device is" : "devices are"} attached`;
  return anySpace(`The record does not say to which space a mapping belongs${beside}: it may be another device's.`);
}

function unattached(index: ContextIndex, version: number, device: string): Suspects {
  const detachment = lastLandmark(
    index,
    version,
    (event) =>
      (event.type === "DeviceDetached" || event.type === "DeviceUnbound" || event.type === "DeviceAttached") &&
      sameDevice(event.device, device),
  );
  if (detachment !== null) {
    const detached = markAt(index, detachment.version);
    return { spaces: null, detached, evidence: [], uncertainty: [] };
  }
  return anySpace(`The record does not show what device ${device} is attached to, so every space was searched.`);
}

function anySpace(uncertainty: string): Suspects {
  return { spaces: null, detached: null, evidence: [], uncertainty: [uncertainty] };
}
