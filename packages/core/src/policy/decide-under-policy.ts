/**
 * `decide` for a context that is held to a policy. What the kernel looks at first (frame, flags, ids) is the kernel's
 * to refuse; then comes the policy; then all the rest of the kernel's rules. No answer depends on more than the
 * rules, which follow from the setup, and the state.
 */
import { U64_MAX } from "../address.ts";
import { type AllowIovas, type Command, MAP_FIXED_IOVA } from "../commands.ts";
import { COPY_REQUEST, copyRefused } from "../decide/copy-iova.ts";
import { decide, type Outputs } from "../decide/decide.ts";
import { frameRefusal } from "../decide/frame.ts";
import { fileMapRefused } from "../decide/map-file.ts";
import { MAP_REQUEST, mapRefused } from "../decide/map-iova.ts";
import { ioasOf } from "../decide/objects.ts";
import { accepted, callRefused, firstFailing, type Outcome, type Refusal, refused } from "../decide/outcome.ts";
import { answerIovaRanges } from "../decide/query-iova-ranges.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState, Space } from "../state.ts";
import type { PolicyRules } from "./policy.ts";

/** @param rules null: the context is held to nothing */
export function decideUnderPolicy<Name extends Command["command"]>(
  rules: PolicyRules | null,
  state: ContextState,
  command: Extract<Command, { command: Name }>,
  profile: KernelProfile,
  environment: Environment,
): Outcome<Outputs[Name]>;
export function decideUnderPolicy(
  rules: PolicyRules | null,
  state: ContextState,
  command: Command,
  profile: KernelProfile,
  environment: Environment,
): Outcome<unknown> {
  if (rules === null) return decide(state, command, profile, environment);
  const refusal = policyRefusal(rules, state, command, profile);
  if (refusal !== null) return refusedByPolicy(state, command, refusal);
  if (command.command === "QueryIovaRanges" && rules.answersFromLayout && frameRefusal(command, profile) === null)
    return answerIovaRanges(state, command, () => ({
      usable: rules.territory?.mappable ?? [],
      alignment: rules.territory?.alignment ?? 1n,
    }));
  const outcome = decide(state, command, profile, environment);
  return command.command === "AllocIoas" ? claimed(rules, outcome) : outcome;
}

/** Why the policy refuses a command of iommufd, or null: then the kernel's rules decide. */
export function policyRefusal(
  rules: PolicyRules,
  state: ContextState,
  command: Command,
  profile: KernelProfile,
): Refusal | null {
  if (frameRefusal(command, profile) !== null) return null;
  switch (command.command) {
    case "MapFile":
      if (!profile.hasFileMaps) return null;
      return isForKernel(MAP_REQUEST, command, ioasOf(state, command.ioasId)) ? null : placed(rules, command);
    case "MapIova":
      return isForKernel(MAP_REQUEST, command, ioasOf(state, command.ioasId)) ? null : placed(rules, command);
    case "CopyIova": {
      const { flags, dstIova: iova, length, dstIoasId } = command;
      const isKernels = isForKernel(COPY_REQUEST, command, ioasOf(state, dstIoasId));
      return isKernels ? null : placed(rules, { flags, iova, length });
    }
    case "AllocIoas":
      return rules.ownsAllowedList && command.base !== undefined ? ownList(rules) : null;
    case "AllowIovas":
      return rules.ownsAllowedList && ioasOf(state, (command as AllowIovas).ioasId) !== null ? ownList(rules) : null;
    default:
      return null;
  }
}

/** The same for a map of any driver: type1 and sPAPR always name the IOVA. */
export function placementRefusal(
  { placement, territory }: PolicyRules,
  { isFixed, iova, length }: { readonly isFixed: boolean; readonly iova: bigint; readonly length: bigint },
): Refusal | null {
  const end = iova + length - 1n;
  const last = length === 0n || end > U64_MAX ? null : end;
  return firstFailing(placement, { isFixed, first: iova, last, territory });
}

function placed(
  rules: PolicyRules,
  { flags, iova, length }: { readonly flags: number; readonly iova: bigint; readonly length: bigint },
): Refusal | null {
  return placementRefusal(rules, { isFixed: (flags & MAP_FIXED_IOVA) !== 0, iova, length });
}

/** A call that the kernel refuses before it looks where anything goes. */
function isForKernel<Call>(
  request: Parameters<typeof firstFailing<Call>>[0],
  command: Call,
  space: Space | null,
): boolean {
  return space === null || firstFailing(request, command) !== null;
}

function ownList({ policy }: PolicyRules): Refusal {
  return { errno: "EPERM", rule: `policy ${policy}: the allowed ranges are the layout's` };
}

/** A new space insists on the layout from its first moment: a device in its way fails at attach. */
function claimed({ territory }: PolicyRules, outcome: Outcome<unknown>): Outcome<unknown> {
  const event = outcome.events.find(({ type }) => type === "IoasAllocated");
  if (territory === null || event?.type !== "IoasAllocated") return outcome;
  const claim = { type: "IovasAllowed", ioas: event.ioas, ranges: territory.claimed } as const;
  return accepted(outcome.out, [...outcome.events, claim]);
}

function refusedByPolicy(state: ContextState, command: Command, refusal: Refusal): Outcome<never> {
  switch (command.command) {
    case "MapIova":
      return refused(refusal, [mapRefused(command, ioasOf(state, command.ioasId))]);
    case "MapFile":
      return refused(refusal, [fileMapRefused(command, ioasOf(state, command.ioasId))]);
    case "CopyIova":
      return refused(refusal, [copyRefused(command, ioasOf(state, command.dstIoasId))]);
    default:
      return callRefused(command.command === "AllocIoas" ? "IOMMU_IOAS_ALLOC" : "IOMMU_IOAS_ALLOW_IOVAS", refusal);
  }
}
