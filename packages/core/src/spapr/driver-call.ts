/** What every ioctl of the driver meets first (vfio_fops_unl_ioctl, tce_iommu_ioctl). */
import { type Guard, guard, type Refusal } from "../decide/outcome.ts";
import type { Container, Driver, SpaprState } from "./state.ts";

export const NO_FILE: Refusal = { errno: "EBADF", rule: "fdget: no such file is open" };
const NO_DRIVER: Refusal = { errno: "EINVAL", rule: "vfio_fops_unl_ioctl: no driver is set" };
const OTHER_PROCESS: Refusal = { errno: "EPERM", rule: "tce_iommu_ioctl: the container belongs to another process" };
export const NO_CALL: Refusal = { errno: "ENOTTY", rule: "tce_iommu_ioctl: no such call for this version" };

interface Called {
  readonly container: Container;
  readonly driver: Driver;
}

/** The driver behind a container, or why it is not asked. */
export function driverCall(
  state: SpaprState,
  call: { readonly container: number; readonly isOtherProcess?: boolean },
): Called | Refusal {
  const container = state.containers[call.container];
  if (container === undefined || !container.isOpen) return NO_FILE;
  const { driver } = container;
  if (driver === null) return NO_DRIVER;
  if (driver.hasMm && call.isOtherProcess === true) return OTHER_PROCESS;
  return { container, driver };
}

interface Frame {
  readonly argBytes?: number;
  readonly hasBadPointer?: boolean;
}

/** copy_from_user, then argsz: `minBytes` is the part of the struct that the call needs. */
export function frameGuards<Call extends Frame>(call: string, minBytes: number): readonly Guard<Call>[] {
  return [
    guard<Call>("EFAULT", `tce_iommu_ioctl, ${call}: bad pointer`, ({ hasBadPointer }) => hasBadPointer === true),
    guard<Call>(
      "EINVAL",
      `tce_iommu_ioctl, ${call}: argsz too small`,
      ({ argBytes }) => (argBytes ?? minBytes) < minBytes,
    ),
  ];
}

/** Few calls know a flag. */
export function noFlags<Call extends { readonly flags: number }>(call: string): Guard<Call> {
  return guard<Call>("EINVAL", `tce_iommu_ioctl, ${call}: unknown flag`, ({ flags }) => flags !== 0);
}
