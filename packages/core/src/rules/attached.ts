/** Which devices translate through which spaces, beside the state: no rule walks all attachments. */
import type { DeviceName, IoasEvent, IoasHandle } from "../events.ts";
import { attachmentKey } from "../state.ts";

interface Held {
  readonly device: DeviceName;
  readonly ioas: IoasHandle | null;
}

/** A device's attachments (with and without PASIDs) to one space. */
interface Tie {
  count: number;
  /** The version that made the first of them. */
  readonly since: number;
}

/** As large as what is attached. */
export class Attached {
  readonly #held = new Map<string, Held>();
  readonly #ofSpace = new Map<IoasHandle | null, Map<DeviceName, Tie>>();
  readonly #ofDevice = new Map<DeviceName, Map<IoasHandle | null, Tie>>();

  take(event: IoasEvent, version: number): void {
    if (event.type !== "DeviceAttached" && event.type !== "DeviceDetached") return;
    const key = attachmentKey(event.device, event.pasid);
    const before = this.#held.get(key);
    if (before !== undefined) this.#drop(key, before);
    if (event.type === "DeviceAttached") this.#add(key, event.device, event.ioas, version);
  }

  /** Of `null`: those in a space that the source does not name. */
  devicesOf(ioas: IoasHandle | null): Iterable<DeviceName> {
    return this.#ofSpace.get(ioas)?.keys() ?? [];
  }

  /** Another space that has the device, and since which version. */
  otherSpaceOf(device: DeviceName, ioas: IoasHandle): { readonly ioas: IoasHandle; readonly since: number } | null {
    for (const [other, { since }] of this.#ofDevice.get(device) ?? [])
      if (other !== null && other !== ioas) return { ioas: other, since };
    return null;
  }

  /** How many attachments the space has. */
  countOf(ioas: IoasHandle): number {
    let count = 0;
    for (const tie of this.#ofSpace.get(ioas)?.values() ?? []) count += tie.count;
    return count;
  }

  #add(key: string, device: DeviceName, ioas: IoasHandle | null, version: number): void {
    this.#held.set(key, { device, ioas });
    const spaces = this.#ofDevice.get(device) ?? new Map<IoasHandle | null, Tie>();
    const devices = this.#ofSpace.get(ioas) ?? new Map<DeviceName, Tie>();
    const tie = spaces.get(ioas) ?? { count: 0, since: version };
    tie.count++;
    this.#ofDevice.set(device, spaces.set(ioas, tie));
    this.#ofSpace.set(ioas, devices.set(device, tie));
  }

  #drop(key: string, { device, ioas }: Held): void {
    this.#held.delete(key);
    const spaces = this.#ofDevice.get(device);
    const devices = this.#ofSpace.get(ioas);
    const tie = spaces?.get(ioas);
    if (spaces === undefined || devices === undefined || tie === undefined || --tie.count > 0) return;
    spaces.delete(ioas);
    if (spaces.size === 0) this.#ofDevice.delete(device);
    devices.delete(device);
    if (devices.size === 0) this.#ofSpace.delete(ioas);
  }
}
