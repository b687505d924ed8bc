/** The ordered steps that rebuild what a context is at some version. */
import type { HwptHandle, IoasHandle } from "../events.ts";
import type { ProfileName } from "../fact.ts";
import { IoasisError } from "../failure.ts";
import type { Attachment, ContextState, Hwpt, Space } from "../state.ts";
import { containerFrame, domainFrame } from "./other-frames.ts";
import { planNotes } from "./plan-notes.ts";
import { mapSteps, type PlacedArea } from "./shared-pages.ts";
import { type Dialect, dialectOf, type Plan, type Step } from "./step.ts";

/** Steps of one plan. */
const STEPS_MAX = 10_000_000;

export interface PlanOptions {
  readonly profile: ProfileName;
  /** Only these spaces and what is attached to them; default: all. */
  readonly spaces?: ReadonlySet<IoasHandle> | null;
}

/** What a plan is made of. */
export interface Parts {
  readonly state: ContextState;
  readonly dialect: Dialect;
  readonly spaces: readonly Space[];
  readonly attachments: readonly Attachment[];
  /**
   * Page tables that an attach does not make: the user's, and in the middle of an attach the kernel's own, which
   * limits its space already.
   */
  readonly hwpts: readonly Hwpt[];
  /** The plan is of some spaces only. */
  readonly isNarrowed: boolean;
}

/**
 * Spaces first, then what limits them (options, allowed ranges, devices with their reserved regions and
 * apertures), then mappings: a host that does not fit says so before a page is pinned, and undoing is cheap.
 *
 * @throws IoasisError ERR_INPUT for a profile that has no calls (traces of page tables), ERR_LIMIT
 */
export function planOf(state: ContextState, { profile, spaces = null }: PlanOptions): Plan {
  const dialect = dialectOf(profile);
  if (dialect === null)
    throw new IoasisError(
      "ERR_INPUT",
      `a recording of profile ${profile} shows no calls that could be made again: plan a context of iommufd, VFIO or a virtual IOMMU`,
      { profile },
    );
  const parts = partsOf(state, dialect, spaces);
  const count = parts.spaces.reduce((sum, { areas }) => sum + areas.size, 0);
  if (count > STEPS_MAX) throw new IoasisError("ERR_LIMIT", `${count} mappings: a plan has at most ${STEPS_MAX}`);
  const steps = [...frame(parts), ...mappings(parts)];
  if (dialect === "iommufd") steps.push(...afterMaps(parts));
  return { dialect, steps, notes: planNotes(parts) };
}

function partsOf(state: ContextState, dialect: Dialect, wanted: ReadonlySet<IoasHandle> | null): Parts {
  const spaces = state.liveSpaces.filter(({ handle }) => wanted === null || wanted.has(handle));
  const alive = new Set(spaces.map(({ handle }) => handle));
  const used = new Set([...state.attachments.values()].map(({ hwpt }) => hwpt));
  const hwpts = state.hwpts.filter(
    (hwpt): hwpt is Hwpt =>
      hwpt !== undefined && hwpt.parent === null && alive.has(hwpt.ioas) && !(hwpt.auto && used.has(hwpt.handle)),
  );
  const attachments = [...state.attachments.values()].filter(({ ioas }) => {
    if (ioas === null || state.spaces[ioas]?.isAlive !== true) return wanted === null;
    return alive.has(ioas);
  });
  return { state, dialect, spaces, attachments, hwpts, isNarrowed: wanted !== null };
}

function frame(parts: Parts): Step[] {
  if (parts.dialect === "iommufd") return iommufdFrame(parts);
  return parts.dialect === "virtio-iommu" ? domainFrame(parts) : containerFrame(parts);
}

function iommufdFrame({ state, spaces, attachments, hwpts, isNarrowed }: Parts): Step[] {
  const steps: Step[] = [];
  // Refused with EBUSY once there is any object.
  if (state.rlimitMode === "mm") steps.push({ op: "rlimit-mode", mode: "mm" });
  for (const { handle, kernelId, largePages, reservations, allowed } of spaces) {
    steps.push({ op: "space", space: handle, kernelId });
    if (!largePages) steps.push({ op: "large-pages-off", space: handle });
    for (const { owner, first, last } of reservations)
      if (owner === "user") steps.push({ op: "reserve", space: handle, range: { first, last } });
    if (allowed.length > 0) steps.push({ op: "allow", space: handle, ranges: allowed });
  }
  const told = attachments.filter((attachment) => targetOf(state, attachment) !== null);
  const devices = new Set([...(isNarrowed ? [] : state.devices.keys()), ...told.map(({ device }) => device)]);
  for (const device of devices) steps.push({ op: "bind", device, group: state.devices.get(device)?.group ?? null });
  for (const hwpt of hwpts) steps.push(pageTable(hwpt, told));
  for (const attachment of told) steps.push(...attach(state, attachment));
  return steps;
}

function pageTable(
  { handle, ioas, pageSize, aperture, dirtyTracking, nestParent, takesPasids: flagged }: Hwpt,
  told: readonly Attachment[],
): Step {
  const users = told.filter(({ hwpt }) => hwpt === handle);
  const device = users[0]?.device ?? null;
  // A recording may not tell the flag: the kernel attaches no PASID without it (iommufd_hwpt_pasid_compat).
  const takesPasids = flagged === true || users.some(({ pasid }) => pasid !== null);
  const table = { hwpt: handle, space: ioas, device, pageSize, aperture };
  return { op: "page-table", ...table, dirtyTracking, nestParent, takesPasids };
}

/** The page table where the user made it, the space where the kernel did; null: not told, or not to be had. */
function targetOf(state: ContextState, { ioas, hwpt }: Attachment): { hwpt: HwptHandle | null } | null {
  if (ioas === null || state.spaces[ioas]?.isAlive !== true) return null;
  const table = hwpt === null ? undefined : state.hwpts[hwpt];
  if (table === undefined || table.auto) return { hwpt: null };
  return table.parent === null ? { hwpt: table.handle } : null;
}

function attach(state: ContextState, attachment: Attachment): Step[] {
  const { device, pasid, ioas } = attachment;
  const target = targetOf(state, attachment);
  return ioas === null || target === null ? [] : [{ op: "attach", device, pasid, space: ioas, hwpt: target.hwpt }];
}

function mappings({ dialect, spaces }: Parts): Step[] {
  const areas: PlacedArea[] = [];
  for (const { handle, areas: table } of spaces) for (const area of table.all()) areas.push({ space: handle, area });
  if (dialect === "iommufd") return mapSteps(areas);
  return areas.map(({ space, area: { iova: first, last, prot, source } }) => ({
    op: "map",
    space,
    range: { first, last },
    prot,
    source,
  }));
}

function afterMaps({ state, spaces, hwpts }: Parts): Step[] {
  const steps: Step[] = hwpts
    .filter(({ isTracking }) => isTracking)
    .map(({ handle }) => ({ op: "track-dirty", hwpt: handle }));
  const emulated = spaces.find(({ handle }) => handle === state.vfioIoas);
  if (emulated !== undefined) steps.push({ op: "vfio-ioas", space: emulated.handle });
  return steps;
}
