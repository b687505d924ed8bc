/** What a call comes to: an errno, the events that it causes, and what the kernel writes back. */
import type { Errno } from "../errno.ts";
import type { IoasEvent } from "../events.ts";

/** Why a call is refused. `rule` names the kernel's function and what it found. */
export interface Refusal {
  readonly errno: Errno;
  readonly rule: string;
}

/**
 * A refused call may have events too: the refusal itself is one, and an unmap that fails half way
 * has unmapped something. `out` is null where the kernel writes nothing.
 */
export interface Outcome<Out> {
  readonly errno: Errno | null;
  readonly rule: string | null;
  readonly events: readonly IoasEvent[];
  readonly out: Out | null;
}

/** One check of a call. A list of them is the kernel's order. */
export interface Guard<Call> extends Refusal {
  readonly fails: (call: Call) => boolean;
}

export function guard<Call>(errno: Errno, rule: string, fails: (call: Call) => boolean): Guard<Call> {
  return { errno, rule, fails };
}

/** The first check that fails, or null. */
export function firstFailing<Call>(guards: readonly Guard<Call>[], call: Call): Refusal | null {
  for (const check of guards) if (check.fails(call)) return check;
  return null;
}

export function accepted<Out>(out: Out, events: readonly IoasEvent[]): Outcome<Out> {
  return { errno: null, rule: null, events, out };
}

export function refused(refusal: Refusal, events: readonly IoasEvent[]): Outcome<never> {
  return { errno: refusal.errno, rule: refusal.rule, events, out: null };
}

/** The refusal of a call that has no event of its own for it. */
export function callRefused(call: string, refusal: Refusal): Outcome<never> {
  return refused(refusal, [{ type: "CallRefused", call, detail: refusal.rule }]);
}
