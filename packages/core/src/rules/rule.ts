/** What a line of a rule file says, and how its evaluation answers. docs/rules.md is the language. */
import type { Errno } from "../errno.ts";
import type { EventType, Recorded } from "../events.ts";
import type { Range } from "../range.ts";
import type { Moment } from "./moment.ts";

export const CONDITION_FIELDS = ["actor", "context", "device", "ioas"] as const;
export type ConditionField = (typeof CONDITION_FIELDS)[number];

/** Holds where the field is one of the values; `*` in a value stands for any text. */
export interface Condition {
  readonly field: ConditionField;
  readonly values: readonly string[];
}

/** Most refusals that `limit refusals N in TIME` may allow: so many times are remembered. */
export const REFUSALS_MAX = 1_000_000;

/** Nanoseconds of the recording's clock. */
export type Nanoseconds = bigint;

export type Demand =
  | { readonly kind: "map"; readonly access: "any" | "writable" | "readable"; readonly ranges: readonly Range[] }
  | { readonly kind: "map-outside"; readonly ranges: readonly Range[] }
  | { readonly kind: "map-by-others"; readonly actors: readonly string[] }
  | { readonly kind: "alias" }
  | { readonly kind: "device-outside"; readonly devices: readonly string[] }
  | { readonly kind: "device-in-two"; readonly what: "contexts" | "spaces" }
  | { readonly kind: "fault" }
  | { readonly kind: "reuse"; readonly within: Nanoseconds }
  | { readonly kind: "age"; readonly limit: Nanoseconds }
  | { readonly kind: "mappings"; readonly limit: bigint }
  | { readonly kind: "bytes"; readonly limit: bigint }
  /** `window` null: in the whole recording. `errnos` empty: any. */
  | {
      readonly kind: "refusals";
      readonly limit: bigint;
      readonly window: Nanoseconds | null;
      readonly errnos: readonly Errno[];
    }
  | { readonly kind: "unmap-before"; readonly what: "destroy" | "detach" }
  | { readonly kind: "reserved"; readonly ranges: readonly Range[] };

export interface Rule {
  /** Given, or the text of the line. */
  readonly name: string;
  readonly line: number;
  readonly demand: Demand;
  /** All must hold for the rule to apply. */
  readonly where: readonly Condition[];
  /** Where all of these hold it does not; empty: no exception. */
  readonly except: readonly Condition[];
}

/** Whether what is mapped comes under the rule when a device is attached to its space. */
export function asksForDevice({ where }: Rule): boolean {
  return where.some(({ field }) => field === "device");
}

export interface Violation {
  readonly rule: string;
  readonly context: string;
  readonly recorded: Recorded;
  readonly detail: string;
}

/** One event of a context. */
export interface Occurrence {
  readonly context: string;
  readonly recorded: Recorded;
}

/** Where evaluators tell what they found. */
export interface RuleSink {
  violation(rule: Rule, occurrence: Occurrence, detail: string): void;
  /** What of a rule (null: of all) cannot be judged on this recording; told once. */
  note(rule: Rule | null, context: string, why: string): void;
}

/** The fold of one rule over one context. A `moment` is moved on afterwards: nobody keeps it. */
export interface RuleFold {
  /** What it looks at; of other events it hears nothing. */
  readonly types: readonly EventType[];
  /** Before the event changes the state. */
  before?(moment: Moment): void;
  /** Once it has. */
  after?(moment: Moment): void;
  /** Once the context was read: `moment` is its last event. */
  end?(moment: Moment): void;
}
