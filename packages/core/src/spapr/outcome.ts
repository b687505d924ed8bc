/** What a call comes to: an errno or a positive number, what it changes, what the kernel writes back. */
import type { Refusal } from "../decide/outcome.ts";
import type { Errno } from "../errno.ts";
import type { SpaprEvent } from "./events.ts";
import type { SpaprBug } from "./kernel-bugs.ts";

/**
 * `returned`: what the ioctl returns when there is no errno; a positive number is a failure all the same
 * where the call is no query. A call that fails may have events.
 */
export interface SpaprOutcome<Out> {
  readonly errno: Errno | null;
  readonly returned: number;
  readonly rule: string | null;
  readonly events: readonly SpaprEvent[];
  readonly out: Out | null;
  readonly bug: SpaprBug | null;
}

export type Nothing = Record<never, never>;

export function done<Out>(out: Out, events: readonly SpaprEvent[] = []): SpaprOutcome<Out> {
  return { errno: null, returned: 0, rule: null, events, out, bug: null };
}

export function refusedBy({ errno, rule }: Refusal, events: readonly SpaprEvent[] = []): SpaprOutcome<never> {
  return { errno, returned: 0, rule, events, out: null, bug: null };
}

/** Fails without an errno. */
export function returning(returned: number, rule: string, events: readonly SpaprEvent[] = []): SpaprOutcome<never> {
  return { errno: null, returned, rule, events, out: null, bug: null };
}

/** The same outcome, which `bug` decides. */
export function suspect<Out>(outcome: SpaprOutcome<Out>, bug: SpaprBug | null): SpaprOutcome<Out> {
  return bug === null ? outcome : { ...outcome, bug };
}
