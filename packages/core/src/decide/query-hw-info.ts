/** IOMMU_GET_HW_INFO (device.c: iommufd_get_hw_info). A question: it leaves no event, answered or refused. */
import type { QueryHwInfo } from "../device-commands.ts";
import type { Environment, HwInfo } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState } from "../state.ts";
import { NO_DEVICE, objectOf } from "./objects.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "./outcome.ts";

const REQUEST = guard<QueryHwInfo & { readonly known: number }>(
  "EOPNOTSUPP",
  "iommufd_get_hw_info: unknown flag or reserved field",
  ({ flags, reserved, known }) => (flags & ~known) !== 0 || (reserved ?? 0) !== 0,
);
const NO_TYPE: Refusal = { errno: "EOPNOTSUPP", rule: "hw_info: the driver has no data of this type" };
const INPUT_TYPE = 1;
/** IOMMU_HW_INFO_TYPE_DEFAULT, and IOMMU_HW_INFO_TYPE_NONE. */
const DEFAULT_TYPE = 0;
const NO_INFO = 0;

/** `info` null: the hardware's, which no call decides. */
export function queryHwInfo(
  state: ContextState,
  command: QueryHwInfo,
  { hwInfoFlags }: KernelProfile,
  { devices }: Environment,
): Outcome<{ readonly info: HwInfo | null }> {
  const asked = firstFailing([REQUEST], { ...command, known: hwInfoFlags });
  if (asked !== null) return refused(asked, []);
  const bound = objectOf(state, command.deviceId);
  if (bound?.kind !== "device") return refused(NO_DEVICE, []);
  const info = devices.get(bound.device)?.hwInfo ?? null;
  const wanted = (command.flags & INPUT_TYPE) === 0 ? DEFAULT_TYPE : (command.dataType ?? DEFAULT_TYPE);
  const isOther = wanted !== DEFAULT_TYPE && info !== null && info.type !== wanted;
  // A driver without hw_info is not asked: whatever is wanted, the answer is that there is none.
  if (isOther && info.type !== NO_INFO) return refused(NO_TYPE, []);
  return accepted({ info }, []);
}
