/** The calls that make a container out of an iommufd (vfio_compat.c). */
import { FreeIds, pageTablesOf } from "../decide/objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "../decide/outcome.ts";
import { DISABLE_LARGE_PAGES } from "../decide/use-option.ts";
import type { Environment } from "../profile/environment.ts";
import type { ContextState, Space } from "../state.ts";
import type { CheckExtension, SetIommu } from "../type1/commands.ts";

const TYPE1 = 1;
const TYPE1V2 = 3;
const DMA_COHERENT = 4;
const UNMAP_ALL = 9;

export const NO_SPACE: Refusal = { errno: "ENODEV", rule: "get_compat_ioas: the container has no ioas" };

type Nothing = Readonly<Record<never, never>>;

/** The ioas behind the container, or null: none was set, or it is destroyed. */
export function compatSpaceOf(state: ContextState): Space | null {
  const space = state.vfioIoas === null ? undefined : state.spaces[state.vfioIoas];
  return space?.isAlive === true ? space : null;
}

/** 1 yes, 0 no. Neither nesting, new addresses for a mapping nor containers without an IOMMU are offered. */
export function checkExtension(
  state: ContextState,
  { extension }: CheckExtension,
  environment: Environment,
): Outcome<{ readonly value: number }> {
  if (extension === DMA_COHERENT) return coherency(state, environment);
  const isKnown = extension === TYPE1 || extension === TYPE1V2 || extension === UNMAP_ALL;
  return accepted({ value: isKnown ? 1 : 0 }, []);
}

/** iommufd_vfio_cc_iommu: whether every page table enforces coherency. */
function coherency(state: ContextState, { devices }: Environment): Outcome<{ readonly value: number }> {
  const space = compatSpaceOf(state);
  if (space === null) return callRefused("VFIO_CHECK_EXTENSION", NO_SPACE);
  const tables = new Set(pageTablesOf(state, space).map(({ handle }) => handle));
  const isOff = [...state.attachments.values()].some(
    ({ device, hwpt }) => hwpt !== null && tables.has(hwpt) && devices.get(device)?.enforcesCoherency === false,
  );
  return accepted({ value: isOff ? 0 : 1 }, []);
}

const TYPE = guard<SetIommu>(
  "EINVAL",
  "iommufd_vfio_set_iommu: neither TYPE1 nor TYPE1v2",
  ({ iommuType }) => iommuType !== TYPE1 && iommuType !== TYPE1V2,
);

/** TYPE1 is an ioas without large pages, so that any page of it can be unmapped. TYPE1v2 changes nothing. */
export function setIommu(state: ContextState, command: SetIommu, environment: Environment): Outcome<Nothing> {
  const refuse = (refusal: Refusal) => callRefused("VFIO_SET_IOMMU", refusal);
  const asked = firstFailing([TYPE], command);
  if (asked !== null) return refuse(asked);
  const space = compatSpaceOf(state);
  if (space === null) return refuse(NO_SPACE);
  if (command.iommuType !== TYPE1 || !space.largePages) return accepted({}, []);
  const disabling = firstFailing(DISABLE_LARGE_PAGES, { state, space, environment });
  if (disabling !== null) return refuse(disabling);
  return accepted({}, [{ type: "LargePagesDisabled", ioas: space.handle }]);
}

/** VFIO_GROUP_SET_CONTAINER (iommufd_vfio_compat_ioas_create): the first group makes the ioas, unless one is set. */
export function joinGroup(state: ContextState): Outcome<Nothing> {
  if (compatSpaceOf(state) !== null) return accepted({}, []);
  const ioas = state.spaces.length;
  return accepted({}, [
    { type: "IoasAllocated", ioas, kernelId: new FreeIds(state).take() },
    { type: "VfioIoasSet", ioas },
  ]);
}
