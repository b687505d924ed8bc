/** What a request comes to: the device's status beside the project's errno. */
import type { Outcome, Refusal } from "../decide/outcome.ts";
import type { IoasEvent } from "../events.ts";
import type { DeviceBug } from "./device-bugs.ts";
import { errnoOfStatus, type VirtioIommuStatus } from "./status.ts";

/**
 * `status` null: the device gives the request back unwritten (used length 0). `bug`: what this request
 * does is not to be relied on, the device's own mistake decides it.
 */
export interface VirtioIommuOutcome<Out> extends Outcome<Out> {
  readonly status: VirtioIommuStatus | null;
  readonly bug: DeviceBug | null;
}

export interface Rejection extends Refusal {
  readonly status: Exclude<VirtioIommuStatus, "OK"> | null;
}

/** One check of a request. A list of them is the device's order. */
export interface Check<Request> extends Rejection {
  readonly fails: (request: Request) => boolean;
}

export type Nothing = Record<never, never>;

export function rejection(status: Rejection["status"], rule: string): Rejection {
  return { status, errno: errnoOfStatus(status), rule };
}

export function check<Request>(
  status: Rejection["status"],
  rule: string,
  fails: (request: Request) => boolean,
): Check<Request> {
  return { ...rejection(status, rule), fails };
}

/** The first check that fails, or null. */
export function firstFailing<Request>(checks: readonly Check<Request>[], request: Request): Rejection | null {
  for (const one of checks) if (one.fails(request)) return one;
  return null;
}

export function done<Out>(
  out: Out,
  events: readonly IoasEvent[] = [],
  bug: DeviceBug | null = null,
): VirtioIommuOutcome<Out> {
  return { status: "OK", errno: null, rule: null, events, out, bug };
}

export function rejected(
  { status, errno, rule }: Rejection,
  events: readonly IoasEvent[],
  bug: DeviceBug | null = null,
): VirtioIommuOutcome<never> {
  return { status, errno, rule, events, out: null, bug };
}

/** The refusal of a request that has no event of its own for it. */
export function callRejected(
  call: string,
  refusal: Rejection,
  before: readonly IoasEvent[] = [],
): VirtioIommuOutcome<never> {
  return rejected(refusal, [...before, { type: "CallRefused", call, detail: refusal.rule }]);
}
