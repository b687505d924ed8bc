/** The table of policies: from what a context was given at its creation to the rules that it is held to. */
import { IoasisError } from "../failure.ts";
import type { GuestLayout } from "../layout/layout.ts";
import { fixed } from "./fixed.ts";
import { hostDerived } from "./host-derived.ts";
import { kernelManaged } from "./kernel-managed.ts";
import { POLICIES, type Policy, type PolicyRules, type PolicySetup } from "./policy.ts";

const TABLE: Readonly<Record<Policy, (setup: PolicySetup) => PolicyRules>> = {
  "kernel-managed": kernelManaged,
  fixed: (setup) => fixed(setup, layoutOfSetup(setup)),
  "host-derived": (setup) => {
    if (setup.hosts.length > 0) return hostDerived(setup, layoutOfSetup(setup), setup.hosts);
    throw new IoasisError(
      "ERR_USAGE",
      "policy host-derived needs the hosts whose devices are there at boot (--host FILE)",
    );
  },
};

/** @throws IoasisError ERR_USAGE for a name that is no policy */
export function policyOfName(name: string): Policy {
  const policy = POLICIES.find((known) => known === name);
  if (policy !== undefined) return policy;
  throw new IoasisError("ERR_USAGE", `policy "${name}": it is one of ${POLICIES.join(", ")}`);
}

/**
 * Always the same for the same setup, so that a context that is opened again is held to what it was made with.
 * @throws IoasisError ERR_USAGE for a setup that lacks what the policy needs; ERR_INPUT for hosts whose holes
 *   leave no place for the guest's memory
 */
export function policyRules(setup: PolicySetup): PolicyRules {
  if (setup.policy === "kernel-managed" && setup.profile !== "iommufd")
    throw new IoasisError(
      "ERR_USAGE",
      `policy kernel-managed: every map of ${setup.profile} names its IOVA, only iommufd can choose one: take fixed or host-derived`,
    );
  return TABLE[setup.policy](setup);
}

function layoutOfSetup({ policy, layout }: PolicySetup): GuestLayout {
  if (layout !== null) return layout;
  throw new IoasisError(
    "ERR_USAGE",
    `policy ${policy} needs the guest's layout (--layout FILE, made with ioasis layout --json)`,
  );
}
