/**
 * The two addresses (docs/policies.md) as type1 has them: it makes no claim, so a base and a length at SET_IOMMU are
 * checked against what the container can map, and an attach takes no base.
 */
import type { Refusal } from "../decide/outcome.ts";
import { checkOnType1 } from "../policy/alloc-address.ts";
import { attachBase } from "../policy/attach-address.ts";
import type { Type1Command } from "../type1/commands.ts";
import { refusedBy, type Type1Outcome } from "../type1/outcome.ts";

interface Addresses {
  readonly base?: bigint;
  readonly length?: bigint;
}

const INCOMPLETE: Refusal = { errno: "EINVAL", rule: "base and length: one of them is missing" };

/** The outcome of a call that names a base as well: what the driver takes may be refused for it. */
export function withAddresses(call: Type1Command & Addresses, outcome: Type1Outcome<unknown>): Type1Outcome<unknown> {
  if (outcome.errno !== null || (call.base === undefined && call.length === undefined)) return outcome;
  const refusal = addressRefusal(call, outcome);
  return refusal === null ? outcome : refusedBy(refusal);
}

function addressRefusal(
  { command, base, length }: Type1Command & Addresses,
  { events }: Type1Outcome<unknown>,
): Refusal | null {
  if (command === "SetContainer") {
    const found = attachBase("vfio-type1", base ?? 0n, []);
    return "errno" in found ? found : null;
  }
  if (base === undefined || length === undefined) return INCOMPLETE;
  const set = events.find(({ type }) => type === "DriverSet");
  if (set?.type !== "DriverSet") return null;
  const found = checkOnType1({ base, length }, set.layout.iovas);
  return "errno" in found ? found : null;
}
