/** How violations speak of ranges, spaces, times and people. */
import { hex } from "../address.ts";
import type { Actor, DeviceName, IoasHandle } from "../events.ts";
import type { Attached } from "./attached.ts";

const DEVICES_SHOWN_MAX = 4;
const SPACES_SHOWN_MAX = 4;

export function rangeWords(first: bigint, last: bigint): string {
  return `${hex(first)}-${hex(last)}`;
}

/** `ioas0`, with the devices that translate through it. */
export function spaceWords({ attached }: { readonly attached: Attached }, ioas: IoasHandle): string {
  const devices: DeviceName[] = [...attached.devicesOf(ioas)];
  if (devices.length === 0) return `ioas${ioas}`;
  const shown = devices.slice(0, DEVICES_SHOWN_MAX).join(", ");
  return `ioas${ioas} (${shown}${devices.length > DEVICES_SHOWN_MAX ? `, ${devices.length} devices in all` : ""})`;
}

/** `ioas0, ioas1, ioas2, ioas3 and 5 more`. */
export function spaceList(spaces: readonly IoasHandle[]): string {
  const shown = spaces.slice(0, SPACES_SHOWN_MAX).map((ioas) => `ioas${ioas}`);
  const more = spaces.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

export function actorWords(actor: Actor | null): string {
  if (actor === null) return "somebody not told";
  const number = actor.tid ?? actor.pid;
  return actor.comm === null ? `pid ${number}` : number === null ? actor.comm : `${actor.comm}-${number}`;
}

/** Nanoseconds as seconds, without zeros at the end. */
export function secondsWords(nanoseconds: bigint): string {
  const fraction = (nanoseconds % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return `${nanoseconds / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`} s`;
}
