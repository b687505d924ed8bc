/** A base at attach (docs/policies.md, the two addresses) as the PASID that iommufd has for it. */
import { callRefused, type Outcome, type Refusal } from "../decide/outcome.ts";
import type { AttachVfioDevice, DetachVfioDevice } from "../device-commands.ts";
import { pasidOfBase, type Selector } from "../policy/attach-address.ts";

type PtCall = AttachVfioDevice | DetachVfioDevice;
/** `pasid` is not set. */
export type BasedCall = PtCall & { readonly base?: bigint };

export interface Realised {
  readonly call: PtCall;
  /** Null: the device without a PASID. */
  readonly pasid: Selector;
}

/** Null: the call names no base. */
export function realised({ base, ...call }: BasedCall): Realised | Refusal | null {
  if (base === undefined) return null;
  const found = pasidOfBase(base);
  if ("errno" in found) return found;
  return { call: found.pasid === null ? call : { ...call, pasid: found.pasid }, pasid: found.pasid };
}

export function baseRefused({ command }: PtCall, refusal: Refusal): Outcome<never> {
  const call = command === "AttachVfioDevice" ? "VFIO_DEVICE_ATTACH_IOMMUFD_PT" : "VFIO_DEVICE_DETACH_IOMMUFD_PT";
  return callRefused(call, refusal);
}

/** The outcome says what the base was realised as. */
export function withRealised(outcome: Outcome<unknown>, pasid: Selector): Outcome<unknown> {
  if (outcome.errno !== null) return outcome;
  return { ...outcome, out: { ...(outcome.out as object), realisedAs: { pasid } } };
}
