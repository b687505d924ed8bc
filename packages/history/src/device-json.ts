/** Attachments as answers show them. */
import type { Attachment, ContextState, IoasHandle } from "@ioasis/core";
import { ioasName } from "./area-json.ts";

export interface DeviceJson {
  readonly device: string;
  readonly pasid: number | null;
  /** `ioas0`; null: to a space that the source does not name. */
  readonly ioas: string | null;
  /** `hwpt0`, or null. */
  readonly hwpt: string | null;
}

export function deviceToJson({ device, pasid, ioas, hwpt }: Attachment): DeviceJson {
  return {
    device,
    pasid,
    ioas: ioas === null ? null : ioasName(ioas),
    hwpt: hwpt === null ? null : `hwpt${hwpt}`,
  };
}

/** Devices attached to one of `spaces` (null: all), or to something that the source does not name. */
export function devicesIn(state: ContextState, spaces: ReadonlySet<IoasHandle> | null): DeviceJson[] {
  return [...state.attachments.values()]
    .filter(({ ioas }) => ioas === null || spaces === null || spaces.has(ioas))
    .map(deviceToJson);
}
