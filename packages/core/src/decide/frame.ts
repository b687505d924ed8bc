/** What every ioctl checks before it looks at its arguments (main.c: iommufd_fops_ioctl, IOCTL_OP). */
import type { Command, Frame } from "../commands.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import { firstFailing, guard, type Refusal } from "./outcome.ts";

/** Bytes up to the end of the last field that every version has. The self-test's calls share one struct of their own. */
const BYTES_MIN: Readonly<Partial<Record<Command["command"], number>>> = {
  AllocIoas: 12,
  DestroyObject: 8,
  AllowIovas: 24,
  CopyIova: 40,
  QueryIovaRanges: 32,
  MapIova: 40,
  UnmapIova: 24,
  UseOption: 24,
  UseVfioIoas: 12,
  AllocHwpt: 24,
  QueryHwInfo: 32,
  SetDirtyTracking: 16,
  GetDirtyBitmap: 48,
  MapFile: 40,
  ChangeProcess: 8,
  AllocFaultQueue: 16,
  AllocViommu: 24,
  AllocVdevice: 24,
  AllocVeventQueue: 28,
  AllocHwQueue: 40,
  InvalidateHwpt: 32,
};

const FRAME = [
  guard<Frame & { readonly bytesMin: number }>(
    "EINVAL",
    "iommufd_fops_ioctl: the struct is too short",
    (frame) => frame.size !== undefined && frame.size < frame.bytesMin,
  ),
  guard<Frame>(
    "E2BIG",
    "copy_struct_from_user: something is set that this kernel does not know",
    (frame) => frame.hasNonZeroTail === true,
  ),
];

const NO_CALL: Refusal = { errno: "ENOTTY", rule: "iommufd_fops_ioctl: this kernel has no such call" };
const VIRTUAL: ReadonlySet<Command["command"]> = new Set([
  "AllocViommu",
  "AllocVdevice",
  "AllocVeventQueue",
  "AllocHwQueue",
]);

export function frameRefusal(command: Command, profile: KernelProfile): Refusal | null {
  if (!profile.hasVirtualIommus && VIRTUAL.has(command.command)) return NO_CALL;
  if (!("size" in command) && !("hasNonZeroTail" in command)) return null;
  const bytesMin = BYTES_MIN[command.command];
  return bytesMin === undefined ? null : firstFailing(FRAME, { ...command, bytesMin });
}
