/** Moving a context from one host to another: the rules of epochs, both sides of the cutover, an operator's verbs. */

export { type Branch, branches } from "./branches.ts";
export { type DestinationEvent, receiveFrom } from "./destination.ts";
export type { Feed, MigrateOptions } from "./options.ts";
export type { MigrateProgress, MigrateResult, Outcome } from "./result.ts";
export { claim, isRefusal, mayAppend, type Refusal, type Ruling, seal } from "./rules.ts";
export { migrate } from "./source.ts";
export { isMigrating } from "./underway.ts";
export { release, takeover } from "./verbs.ts";
