/** What a call comes to: an errno, what it changes, what the kernel writes back. */
import type { Refusal } from "../decide/outcome.ts";
import type { Errno } from "../errno.ts";
import type { Type1Event } from "./events.ts";
import type { KernelBug } from "./kernel-bugs.ts";

/** `bug`: this errno and output are not to be relied on, the kernel's own mistake decides them. */
export interface Type1Outcome<Out> {
  readonly errno: Errno | null;
  readonly rule: string | null;
  readonly events: readonly Type1Event[];
  readonly out: Out | null;
  readonly bug: KernelBug | null;
}

export function done<Out>(out: Out, events: readonly Type1Event[] = []): Type1Outcome<Out> {
  return { errno: null, rule: null, events, out, bug: null };
}

export function refusedBy({ errno, rule }: Refusal, events: readonly Type1Event[] = []): Type1Outcome<never> {
  return { errno, rule, events, out: null, bug: null };
}

/** The same outcome, which `bug` decides. */
export function suspect<Out>(outcome: Type1Outcome<Out>, bug: KernelBug): Type1Outcome<Out> {
  return { ...outcome, bug };
}
