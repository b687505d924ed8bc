/** IOMMU_HWPT_INVALIDATE (hw_pagetable.c: iommufd_hwpt_invalidate). From source, not refereed. */
import { unreachable } from "../assert.ts";
import type { InvalidateHwpt } from "../object-commands.ts";
import type { Environment, InvalidationFormat } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState, Hwpt } from "../state.ts";
import { driverOf } from "./alloc-viommu.ts";
import { objectOf } from "./objects.ts";
import { callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";

const REQUEST = [
  guard<InvalidateHwpt>(
    "EOPNOTSUPP",
    "iommufd_hwpt_invalidate: reserved field",
    ({ reserved }) => (reserved ?? 0) !== 0,
  ),
  guard<InvalidateHwpt>(
    "EINVAL",
    "iommufd_hwpt_invalidate: entries without data or without length",
    ({ entries, entryBytes, hasNoData }) => entries > 0 && (hasNoData === true || entryBytes === 0),
  ),
];

const NO_OBJECT: Refusal = { errno: "ENOENT", rule: "iommufd_hwpt_invalidate: no object has this id" };
const NO_NESTED: Refusal = { errno: "ENOENT", rule: "iommufd_get_hwpt_nested: no nested table has this id" };
const WRONG_KIND: Refusal = { errno: "EINVAL", rule: "iommufd_hwpt_invalidate: neither a nested table nor a vIOMMU" };
const NO_DRIVER: Refusal = { errno: "EOPNOTSUPP", rule: "cache_invalidate_user: the driver has none" };

/** Its errno is the driver's. */
const ENTRY = "cache_invalidate_user: the driver refuses an entry";

interface Call {
  readonly command: InvalidateHwpt;
  readonly format: InvalidationFormat;
}

const DATA = [
  guard<Call>(
    "EINVAL",
    "cache_invalidate_user: the data is another driver's",
    ({ command, format }) => command.dataType !== format.dataType,
  ),
  guard<Call>(
    "EINVAL",
    "iommu_copy_struct_from_user_array: the entries are too short",
    ({ command, format }) => command.entries > 0 && command.entryBytes < format.entryBytesMin,
  ),
];

type Handled = { readonly entries: number };

/** The number of entries handled is written whatever comes of it. No entry: a question whether the type is known. */
export function invalidateHwpt(
  state: ContextState,
  command: InvalidateHwpt,
  profile: KernelProfile,
  environment: Environment,
): Outcome<Handled> {
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return stopped(asked, 0);
  const format = formatOf(state, command.objectId, profile, environment);
  if ("errno" in format) return stopped(format, 0);
  const data = firstFailing(DATA, { command, format });
  if (data !== null) return stopped(data, 0);
  const { refused, entries } = command;
  if (refused === undefined || refused.entry >= entries)
    return { errno: null, rule: null, events: [], out: { entries } };
  return stopped({ errno: refused.errno, rule: ENTRY }, refused.entry);
}

function stopped(refusal: Refusal, entries: number): Outcome<Handled> {
  return { ...callRefused("IOMMU_HWPT_INVALIDATE", refusal), out: { entries } };
}

/** Before there were vIOMMUs only nested tables were looked for. */
function formatOf(
  state: ContextState,
  id: number,
  profile: KernelProfile,
  environment: Environment,
): InvalidationFormat | Refusal {
  const object = objectOf(state, id);
  if (object === null) return profile.hasVirtualIommus ? NO_OBJECT : NO_NESTED;
  switch (object.kind) {
    case "hwpt":
      if (object.hwpt.parent !== null) return nestedFormat(object.hwpt, environment) ?? NO_DRIVER;
      break;
    case "other":
      if (object.object.kind === "viommu") return driverOf(environment, object.object)?.invalidation ?? NO_DRIVER;
      break;
    case "ioas":
    case "device":
    case "selftest":
    case "access":
      break;
    default:
      return unreachable(object);
  }
  return profile.hasVirtualIommus ? WRONG_KIND : NO_NESTED;
}

/** What the driver of the device that the table was made with takes; where that is not told, that of any device. */
function nestedFormat({ device }: Hwpt, { devices }: Environment): InvalidationFormat | null {
  if (device !== undefined) return devices.get(device)?.nestedInvalidation ?? null;
  for (const { nestedInvalidation } of devices.values())
    if (nestedInvalidation !== undefined) return nestedInvalidation;
  return null;
}
