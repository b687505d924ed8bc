/** A context of iommufd under a policy, with all devices of its hosts: for tests. */
import type { Command } from "../../commands.ts";
import type { Outcome } from "../../decide/outcome.ts";
import { Model } from "../../decide/testing/model.ts";
import type { HostDevice, HostProfile } from "../../host/host-profile.ts";
import type { DeviceTraits } from "../../profile/environment.ts";
import { WHOLE_SPACE } from "../../range.ts";
import { decideUnderPolicy } from "../decide-under-policy.ts";
import type { PolicyRules } from "../policy.ts";

/** A device of a host profile as the model's environment has it. */
function traitsOf({ reserved, aperture, pageSizes, dirtyTracking }: HostDevice): DeviceTraits {
  const sizes = pageSizes ?? 0x1000n;
  return {
    pageSize: sizes & -sizes,
    aperture: aperture ?? WHOLE_SPACE,
    reserved: (reserved ?? []).filter(({ type }) => type !== "direct-relaxable"),
    refusesWiderTables: true,
    canTrackDirty: dirtyTracking ?? false,
    hwptFlags: 0,
    pagingDataType: null,
    nestedDataType: null,
    hwInfo: null,
    mapsLargePages: true,
  };
}

/** A context under a policy, all devices of the hosts opened. */
export class PolicyModel extends Model {
  readonly rules: PolicyRules | null;

  constructor(rules: PolicyRules | null, hosts: readonly HostProfile[], kernel = "6.12") {
    const devices = hosts.flatMap((host) => host.devices);
    super(
      {
        devices: new Map(devices.map((device) => [device.bdf, traitsOf(device)])),
        deviceFiles: new Map(devices.map(({ bdf }) => [bdf, bdf])),
      },
      kernel,
    );
    this.rules = rules;
  }

  override ask(command: Command): Outcome<unknown> {
    return decideUnderPolicy(this.rules, this.state, command, this.profile, this.environment);
  }
}
