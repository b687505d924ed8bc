/** Calls on a container that no driver has to know (drivers/vfio/container.c), and those that none knows. */
import type { Refusal } from "../decide/outcome.ts";
import type { CommandOf } from "./commands.ts";
import { driverCall, NO_CALL, NO_FILE } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import { done, type Nothing, refusedBy, type SpaprOutcome } from "./outcome.ts";
import { reachRefusal } from "./reach.ts";
import type { SpaprState } from "./state.ts";

/** Extensions and IOMMU types of include/uapi/linux/vfio.h. */
const SPAPR_TCE = 2;
const EEH = 5;
const SPAPR_TCE_V2 = 7;

const NO_GROUP_OR_SET: Refusal = { errno: "EINVAL", rule: "vfio_ioctl_set_iommu: no group, or a driver is set" };
const NO_SUCH_DRIVER: Refusal = { errno: "ENODEV", rule: "vfio_ioctl_set_iommu: no driver has this type" };
const NO_IOMMU_TYPE: Refusal = { errno: "EINVAL", rule: "tce_iommu_open: an extension, no IOMMU type" };
const ONE_GROUP: Refusal = { errno: "EBUSY", rule: "tce_iommu_attach_group: v1 takes one group" };
const NO_EEH: Refusal = { errno: "ENODEV", rule: "vfio_spapr_iommu_eeh_ioctl: the group has no EEH PE" };

export function closeContainer(state: SpaprState, command: CommandOf<"CloseContainer">): SpaprOutcome<Nothing> {
  const container = state.containers[command.container];
  if (container === undefined || !container.isOpen) return refusedBy(NO_FILE);
  // Groups hold it: its driver lives until the last of them leaves.
  return done({}, [{ type: "ContainerClosed", container: container.handle }]);
}

export function checkExtension(
  state: SpaprState,
  command: CommandOf<"CheckExtension">,
  environment: SpaprEnvironment,
): SpaprOutcome<{ readonly supported: number }> {
  if (state.containers[command.container]?.isOpen !== true) return refusedBy(NO_FILE);
  return done({ supported: isSupported(command.extension, environment) ? 1 : 0 });
}

function isSupported(extension: number, { platform }: SpaprEnvironment): boolean {
  return extension === SPAPR_TCE || extension === SPAPR_TCE_V2 || (extension === EEH && platform.hasEeh);
}

export function setIommu(
  state: SpaprState,
  command: CommandOf<"SetIommu">,
  environment: SpaprEnvironment,
): SpaprOutcome<Nothing> {
  const container = state.containers[command.container];
  if (container === undefined || !container.isOpen) return refusedBy(NO_FILE);
  if (container.groups.length === 0 || container.driver !== null) return refusedBy(NO_GROUP_OR_SET);
  const { iommuType } = command;
  if (!isSupported(iommuType, environment)) return refusedBy(NO_SUCH_DRIVER);
  if (iommuType === EEH) return refusedBy(NO_IOMMU_TYPE);
  const version = iommuType === SPAPR_TCE ? 1 : 2;
  if (version === 1 && container.groups.length > 1) return refusedBy(ONE_GROUP);
  const groups = container.groups.flatMap((group) => state.groups[group] ?? []);
  const unreachable = reachRefusal(groups, version, environment);
  if (unreachable !== null) return refusedBy(unreachable);
  return done({}, [{ type: "DriverSet", container: container.handle, version }]);
}

/** VFIO_EEH_PE_OP: what it does to the PE is not modelled, only that there is none on an emulated PHB. */
export function useEeh(
  state: SpaprState,
  command: CommandOf<"UseEeh">,
  environment: SpaprEnvironment,
): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  return environment.platform.hasEeh ? done({}) : refusedBy(NO_EEH);
}

export function unknownCall(state: SpaprState, command: CommandOf<"UnknownCall">): SpaprOutcome<never> {
  const called = driverCall(state, command);
  return refusedBy("errno" in called ? called : NO_CALL);
}
