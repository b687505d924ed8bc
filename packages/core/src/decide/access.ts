/**
 * In-kernel users of an ioas (device.c: iommufd_access_attach, iommufd_access_replace; io_pagetable.c:
 * iopt_add_access), as the self-test makes them (selftest.c: iommufd_test_create_access).
 */
import type { CreateAccess, ReplaceAccess, UnpinAccess } from "../device-commands.ts";
import type { Environment } from "../profile/environment.ts";
import type { ContextState, Space } from "../state.ts";
import { FreeIds, ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";
import { alignmentOf, hasMisalignedArea } from "./space-rules.ts";

const NEEDS_PIN_PAGES = 1;

const CREATE_REQUEST = guard<CreateAccess>(
  "EOPNOTSUPP",
  "iommufd_test_create_access: unknown flag",
  ({ flags }) => (flags & ~NEEDS_PIN_PAGES) !== 0,
);

interface Joining {
  readonly state: ContextState;
  readonly space: Space;
  readonly pins: boolean;
  readonly environment: Environment;
}

export const ACCESS_ALIGNMENT = guard<Joining>(
  "EADDRINUSE",
  "iopt_add_access: it pins, and an area is no whole page",
  ({ state, space, pins, environment }) =>
    pins &&
    environment.pageSize > alignmentOf(state, space, environment) &&
    hasMisalignedArea(space, environment.pageSize, environment.pageSize),
);

const NO_ACCESS: Refusal = { errno: "EBADFD", rule: "iommufd_access_get: no such access" };
const NO_ITEM: Refusal = { errno: "ENOENT", rule: "iommufd_test_access_item_destroy: the pin is gone" };

type Nothing = Readonly<Record<never, never>>;

/** It takes an id that the call does not tell. */
export function createAccess(state: ContextState, command: CreateAccess, environment: Environment): Outcome<Nothing> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_TEST_OP_CREATE_ACCESS", refusal);
  const asked = firstFailing([CREATE_REQUEST], command);
  if (asked !== null) return refuse(asked);
  const space = ioasOf(state, command.ioasId);
  if (space === null) return refuse(NO_IOAS);
  const pins = (command.flags & NEEDS_PIN_PAGES) !== 0;
  const conflict = firstFailing([ACCESS_ALIGNMENT], { state, space, pins, environment });
  if (conflict !== null) return refuse(conflict);
  const kernelId = new FreeIds(state).take();
  return accepted({}, [{ type: "AccessAttached", access: command.access, kernelId, ioas: space.handle, pins }]);
}

/** Moving to where it is already changes nothing; otherwise all its pins go. */
export function replaceAccess(
  state: ContextState,
  command: ReplaceAccess,
  environment: Environment,
): Outcome<{ readonly isMoved: boolean }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_TEST_OP_ACCESS_REPLACE_IOAS", refusal);
  const access = state.accesses.get(command.access);
  if (access === undefined) return refuse(NO_ACCESS);
  const space = ioasOf(state, command.ioasId);
  if (space === null) return refuse(NO_IOAS);
  const { kernelId, pins, ioas } = access;
  if (ioas === space.handle) return accepted({ isMoved: false }, []);
  const conflict = firstFailing([ACCESS_ALIGNMENT], { state, space, pins, environment });
  if (conflict !== null) return refuse(conflict);
  const moved = { type: "AccessAttached", access: command.access, kernelId, ioas: space.handle, pins } as const;
  return accepted({ isMoved: true }, [moved]);
}

/** `pin`: its name. */
export function unpinAccess(
  state: ContextState,
  { access, item }: UnpinAccess,
  { pins }: Environment,
): Outcome<{ readonly pin: string }> {
  if (!state.accesses.has(access)) return callRefused("IOMMU_TEST_OP_DESTROY_ACCESS_PAGES", NO_ACCESS);
  for (const [pin, held] of pins) if (held.access === access && held.item === item) return accepted({ pin }, []);
  return callRefused("IOMMU_TEST_OP_DESTROY_ACCESS_PAGES", NO_ITEM);
}
