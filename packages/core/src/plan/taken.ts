/** What one step of a plan came to on a destination. */
import type { Refusal } from "../decide/outcome.ts";
import type { Errno } from "../errno.ts";

/**
 * What became of one step. `there`: the destination holds it already, exactly so. `undo`: takes it back, which
 * nothing can stand against as long as everything done after it is taken back first; null if that could not be.
 */
export type Taken = { readonly kind: "there" } | Refused | Done;
export interface Done {
  readonly kind: "done";
  readonly undo: () => boolean;
}
export interface Refused extends Refusal {
  readonly kind: "refused";
}

export const THERE: Taken = { kind: "there" };

/** A call of a model that came to nothing; sPAPR's may return a number above 0 instead of an errno. */
export function refuseOutcome({
  errno,
  rule,
}: {
  readonly errno: Errno | null;
  readonly rule: string | null;
}): Refused {
  return { kind: "refused", errno: errno ?? "EINVAL", rule: rule ?? "" };
}

export function refuse({ errno, rule }: Refusal): Refused {
  return { kind: "refused", errno, rule };
}
