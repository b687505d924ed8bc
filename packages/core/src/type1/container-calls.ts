/** Calls on the container itself (drivers/vfio/container.c). */
import type { Refusal } from "../decide/outcome.ts";
import { attachGroup } from "./attach-group.ts";
import type { CheckExtension, QueryApiVersion, SetIommu, UnknownCall } from "./commands.ts";
import type { Type1Environment } from "./environment.ts";
import { done, refusedBy, type Type1Outcome } from "./outcome.ts";
import { type Container, Driver, EMPTY_LAYOUT, type Type1State } from "./state.ts";
import { TYPE1_IOMMU, TYPE1_NESTING_IOMMU, TYPE1V2_IOMMU, type Type1Profile, type1Profile } from "./type1-profile.ts";

export const BAD_FILE: Refusal = { errno: "EBADF", rule: "ioctl: no open file" };
export const NO_DRIVER: Refusal = { errno: "EINVAL", rule: "vfio_fops_unl_ioctl: the container has no driver yet" };

const CANNOT_SET: Refusal = {
  errno: "EINVAL",
  rule: "vfio_ioctl_set_iommu: no group in the container, or it has a driver already",
};
const NO_SUCH_TYPE: Refusal = { errno: "ENODEV", rule: "vfio_ioctl_set_iommu: no driver knows the type" };
const NOT_A_TYPE: Refusal = { errno: "EINVAL", rule: "vfio_iommu_type1_open: an extension that is no type" };
const NOT_TTY: Refusal = { errno: "ENOTTY", rule: "vfio_iommu_type1_ioctl: unknown call" };
const NOT_TTY_GROUP: Refusal = { errno: "ENOTTY", rule: "vfio_group_fops_unl_ioctl: unknown call" };
const NOT_TTY_DEVICE: Refusal = { errno: "ENOTTY", rule: "vfio_pci_core_ioctl: unknown call" };
const NOT_TTY_FOREIGN: Refusal = { errno: "ENOTTY", rule: "vfs_ioctl: a file that knows no such call" };

/** VFIO_DMA_CC_IOMMU, VFIO_UNMAP_ALL, VFIO_UPDATE_VADDR of include/uapi/linux/vfio.h. */
const DMA_CC_IOMMU = 4;
const UNMAP_ALL = 9;
const UPDATE_VADDR = 10;
const ALWAYS: ReadonlySet<number> = new Set([TYPE1_IOMMU, TYPE1V2_IOMMU, TYPE1_NESTING_IOMMU, UNMAP_ALL]);

/** VFIO_API_VERSION is 0. */
export function queryApiVersion(state: Type1State, { container }: QueryApiVersion): Type1Outcome<number> {
  return state.openContainer(container) === null ? refusedBy(BAD_FILE) : done(0);
}

/** vfio_ioctl_check_extension, vfio_iommu_type1_check_extension */
export function checkExtension(
  state: Type1State,
  command: CheckExtension,
  { iommu }: Type1Environment,
): Type1Outcome<number> {
  const container = state.openContainer(command.container);
  if (container === null) return refusedBy(BAD_FILE);
  const { extension } = command;
  if (ALWAYS.has(extension)) return done(1);
  if (container.driver === null) return done(0);
  return done(extension === UPDATE_VADDR || (extension === DMA_CC_IOMMU && iommu.enforcesCoherency) ? 1 : 0);
}

/** vfio_ioctl_set_iommu: all groups of the container are attached, the newest first, or none. */
export function setIommu(
  state: Type1State,
  command: SetIommu,
  environment: Type1Environment,
): Type1Outcome<Record<never, never>> {
  const container = state.openContainer(command.container);
  if (container === null) return refusedBy(BAD_FILE);
  if (container.groups.length === 0 || container.driver !== null) return refusedBy(CANNOT_SET);
  const { iommuType } = command;
  if (!ALWAYS.has(iommuType)) return refusedBy(NO_SUCH_TYPE);
  const profile = type1Profile(iommuType);
  if (profile === null) return refusedBy(NOT_A_TYPE);
  const layout = firstLayout(state, container, profile, iommuType === TYPE1_NESTING_IOMMU, environment);
  if ("errno" in layout) return refusedBy(layout);
  const { entriesMax } = environment;
  return done({}, [{ type: "DriverSet", container: container.handle, profile, entriesMax, layout }]);
}

function firstLayout(
  state: Type1State,
  { groups }: Container,
  profile: Type1Profile,
  isNesting: boolean,
  environment: Type1Environment,
) {
  const driver = new Driver(profile, environment.entriesMax, EMPTY_LAYOUT);
  for (const handle of groups) {
    const number = state.groups[handle]?.number;
    const group = number === undefined ? undefined : environment.groups.get(number);
    if (group === undefined) continue;
    const layout = attachGroup({ layout: driver.layout, driver, group, isNesting });
    if ("errno" in layout) return layout;
    driver.layout = layout;
  }
  return environment.policy?.reachRefusal(driver.layout.iovas) ?? driver.layout;
}

/** An ioctl number that nobody knows. */
export function unknownCall(state: Type1State, { file }: UnknownCall): Type1Outcome<never> {
  if (file.kind === "container") {
    const container = state.openContainer(file.handle);
    if (container === null) return refusedBy(BAD_FILE);
    return refusedBy(container.driver === null ? NO_DRIVER : NOT_TTY);
  }
  if (file.kind === "group" && state.openGroup(file.handle) !== null) return refusedBy(NOT_TTY_GROUP);
  if (file.kind === "device" && state.devices[file.handle]?.isOpen === true) return refusedBy(NOT_TTY_DEVICE);
  if (file.kind === "foreign") return refusedBy(NOT_TTY_FOREIGN);
  return refusedBy(BAD_FILE);
}
