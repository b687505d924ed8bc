/** What the devices that are there at boot cannot reach (iopt_table_enforce_dev_resv_regions, iopt_table_add_domain). */
import { IoasisError } from "../failure.ts";
import type { HostDevice, HostProfile } from "../host/host-profile.ts";
import { holes } from "../range.ts";
import type { Hole } from "./territory.ts";

/**
 * Of all devices of all hosts; direct-relaxable regions bind nobody.
 * @throws IoasisError ERR_INPUT for a device that does not tell its regions or its aperture: nothing is guessed
 */
export function bootHoles(hosts: readonly HostProfile[]): Hole[] {
  return hosts.flatMap(({ host, devices }) => devices.flatMap((device) => deviceHoles(host, device)));
}

function deviceHoles(host: string, { bdf, reserved, aperture }: HostDevice): Hole[] {
  if (reserved === null || aperture === null)
    throw new IoasisError(
      "ERR_INPUT",
      `policy host-derived: host ${host} does not tell the ${reserved === null ? "reserved regions" : "aperture"} of ${bdf}: add them to its profile`,
      { host, device: bdf },
    );
  const outside = holes([aperture]).map((range): Hole => ({ ...range, type: "reserved" }));
  const regions = reserved.flatMap(({ type, first, last }): Hole[] =>
    type === "direct-relaxable" ? [] : [{ first, last, type: type === "msi" ? "msi" : "reserved" }],
  );
  return [...outside, ...regions];
}
