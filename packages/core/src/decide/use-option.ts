/** IOMMU_OPTION (main.c: iommufd_option; ioas.c: iommufd_option_rlimit_mode, iommufd_ioas_option). */
import { OPTION_GET, OPTION_HUGE_PAGES, OPTION_RLIMIT_MODE, OPTION_SET, type UseOption } from "../commands.ts";
import type { Environment } from "../profile/environment.ts";
import type { ContextState, Space } from "../state.ts";
import { hasObjects, ioasOf, NO_IOAS, pageTablesOf } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";
import { alignmentOf, hasMisalignedArea } from "./space-rules.ts";

/** The option's value: read, or as it was set. */
type Value = { readonly value: bigint };

interface Call {
  readonly state: ContextState;
  readonly command: UseOption;
  readonly environment: Environment;
}

interface Disabling extends Pick<Call, "state" | "environment"> {
  readonly space: Space;
}

const REQUEST = [
  guard<UseOption>("EOPNOTSUPP", "iommufd_option: reserved field", ({ reserved }) => (reserved ?? 0) !== 0),
  guard<UseOption>(
    "EOPNOTSUPP",
    "iommufd_option: unknown option",
    ({ option }) => option !== OPTION_RLIMIT_MODE && option !== OPTION_HUGE_PAGES,
  ),
];

const OPERATION = guard<UseOption>(
  "EOPNOTSUPP",
  "iommufd_option: neither set nor get",
  ({ operation }) => operation !== OPTION_SET && operation !== OPTION_GET,
);

const MODE_OBJECT = guard<UseOption>(
  "EOPNOTSUPP",
  "iommufd_option_rlimit_mode: it is no object's",
  ({ objectId }) => objectId !== 0,
);

const SET_MODE = [
  guard<Call>("EPERM", "iommufd_option_rlimit_mode: CAP_SYS_RESOURCE", ({ environment }) => !environment.canSetLimits),
  guard<Call>("EBUSY", "iommufd_option_rlimit_mode: objects exist", ({ state }) => hasObjects(state)),
  guard<Call>("EINVAL", "iommufd_option_rlimit_mode: no such mode", ({ command }) => command.value > 1n),
];

const HUGE_VALUE = guard<UseOption>(
  "EINVAL",
  "iommufd_ioas_option_huge_pages: neither 0 nor 1",
  ({ value }) => value > 1n,
);

/** iopt_disable_large_pages. */
export const DISABLE_LARGE_PAGES = [
  guard<Disabling>(
    "EINVAL",
    "iopt_disable_large_pages: page tables hold areas",
    (call) => call.space.areas.size > 0 && pageTablesOf(call.state, call.space).length > 0,
  ),
  guard<Disabling>(
    "EADDRINUSE",
    "iopt_check_iova_alignment: the alignment rises, and an area is no whole page",
    ({ state, space, environment }) =>
      environment.pageSize > alignmentOf(state, space, environment) &&
      hasMisalignedArea(space, environment.pageSize, environment.pageSize),
  ),
];

export function useOption(state: ContextState, command: UseOption, environment: Environment): Outcome<Value> {
  const refusal = firstFailing(REQUEST, command);
  if (refusal !== null) return refuse(refusal);
  const call = { state, command, environment };
  return command.option === OPTION_RLIMIT_MODE ? rlimitMode(call) : hugePages(call);
}

function rlimitMode(call: Call): Outcome<Value> {
  const { state, command } = call;
  const refusal = firstFailing([MODE_OBJECT, OPERATION], command);
  if (refusal !== null) return refuse(refusal);
  if (command.operation === OPTION_GET) return accepted({ value: state.rlimitMode === "mm" ? 1n : 0n }, []);
  const setting = firstFailing(SET_MODE, call);
  if (setting !== null) return refuse(setting);
  return accepted({ value: command.value }, [{ type: "RlimitModeSet", mode: command.value === 1n ? "mm" : "user" }]);
}

function hugePages(call: Call): Outcome<Value> {
  const { state, command } = call;
  const space = ioasOf(state, command.objectId);
  if (space === null) return refuse(NO_IOAS);
  const operation = firstFailing([OPERATION], command);
  if (operation !== null) return refuse(operation);
  if (command.operation === OPTION_GET) return accepted({ value: space.largePages ? 1n : 0n }, []);
  const value = firstFailing([HUGE_VALUE], command);
  if (value !== null) return refuse(value);
  const isOn = command.value === 1n;
  if (isOn === space.largePages) return accepted({ value: command.value }, []);
  const disabling = isOn ? null : firstFailing(DISABLE_LARGE_PAGES, { ...call, space });
  if (disabling !== null) return refuse(disabling);
  const type = isOn ? "LargePagesEnabled" : "LargePagesDisabled";
  return accepted({ value: command.value }, [{ type, ioas: space.handle }]);
}

function refuse(refusal: Refusal): Outcome<never> {
  return callRefused("IOMMU_OPTION", refusal);
}
