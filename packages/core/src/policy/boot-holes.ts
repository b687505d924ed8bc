/** What the devices that are there at boot cannot reach (iopt_table_enforce_dev_resv_regions, iopt_table_add_domain). */
import { type Iova, U64_MAX } from "../address.ts";
import type { ProfileName } from "../fact.ts";
import { IoasisError } from "../failure.ts";
import type { HostDevice, HostProfile } from "../host/host-profile.ts";
import { holes, type Range } from "../range.ts";
import type { Hole } from "./territory.ts";

/** An sPAPR device's aperture is its default window; TCE_CREATE makes others from here on. */
const DYNAMIC_WINDOWS: Range = { first: (1n << 59n) as Iova, last: U64_MAX as Iova };

/**
 * Of all devices of all hosts; direct-relaxable regions bind nobody.
 * @throws IoasisError ERR_INPUT for a device that does not tell its regions or its aperture: nothing is guessed
 */
export function bootHoles(hosts: readonly HostProfile[], profile: ProfileName): Hole[] {
  const elsewhere = profile === "spapr-tce-v2" ? [DYNAMIC_WINDOWS] : [];
  return hosts.flatMap(({ host, devices }) => devices.flatMap((device) => deviceHoles(host, device, elsewhere)));
}

/** `elsewhere`: where it can reach beside its aperture. */
function deviceHoles(host: string, { bdf, reserved, aperture }: HostDevice, elsewhere: readonly Range[]): Hole[] {
  if (reserved === null || aperture === null)
    throw new IoasisError(
      "ERR_INPUT",
      `policy host-derived: host ${host} does not tell the ${reserved === null ? "reserved regions" : "aperture"} of ${bdf}: add them to its profile`,
      { host, device: bdf },
    );
  const outside = holes([aperture, ...elsewhere]).map((range): Hole => ({ ...range, type: "reserved" }));
  const regions = reserved.flatMap(({ type, first, last }): Hole[] =>
    type === "direct-relaxable" ? [] : [{ first, last, type: type === "msi" ? "msi" : "reserved" }],
  );
  return [...outside, ...regions];
}
