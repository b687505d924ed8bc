/** What comes before the mappings of VFIO's containers and of a virtual IOMMU's domains. */
import type { DeviceName } from "../events.ts";
import type { ContextState, Space, Window } from "../state.ts";
import { isBypass } from "../virtio-iommu/domains.ts";
import type { Parts } from "./plan-of.ts";
import type { Step } from "./step.ts";

export const DEFAULT_PAGE_BYTES = 0x1000n;
/** The default window of a PE is a 32-bit one. */
export const DYNAMIC_FROM = 1n << 32n;

/** Groups before their container's IOMMU is set (EINVAL without one), device files after (EINVAL without that). */
export function containerFrame({ state, dialect, spaces, attachments }: Parts): Step[] {
  const steps: Step[] = [];
  for (const { handle: space, kernelId } of spaces) {
    const devices = attachments.filter(({ ioas }) => ioas === space).map(({ device }) => device);
    const groups = groupsOf(state, devices);
    for (const group of groups) steps.push({ op: "join", ...group, space });
    steps.push({ op: "space", space, kernelId });
    for (const { group, devices: members } of groups)
      for (const device of members) steps.push({ op: "open-device", device, group, space });
  }
  if (dialect === "spapr-tce") for (const space of spaces) steps.push(...enabled(space));
  if (dialect !== "spapr-tce-v2") return steps;
  for (const { handle: space } of spaces)
    for (const { va, length } of state.registered) steps.push({ op: "register", space, va, length });
  for (const space of spaces) steps.push(...windowSteps(space));
  return steps;
}

/** Once a group; a device whose group is not told is by itself, and a container without devices has one group. */
function groupsOf(
  state: ContextState,
  devices: readonly DeviceName[],
): { readonly group: string | null; readonly devices: readonly DeviceName[] }[] {
  if (devices.length === 0) return [{ group: null, devices: [] }];
  const groups = new Map<string, { readonly group: string | null; readonly devices: DeviceName[] }>();
  for (const device of devices) {
    const group = state.devices.get(device)?.group ?? null;
    const key = group ?? `of ${device}`;
    const members = groups.get(key)?.devices ?? [];
    groups.set(key, { group, devices: [...members, device] });
  }
  return [...groups.values()];
}

/** v1 charges its whole window then; nothing can be mapped before. */
function enabled({ handle: space, areas, windows }: Space): Step[] {
  return areas.size > 0 || windows.length > 0 ? [{ op: "enable", space }] : [];
}

/**
 * A default window comes by itself. One below 4 GiB with other pages took its place, which must be free. Where there
 * is none below, the default one stays beside (see `planNotes`): on pseries no call could bring it back.
 */
function windowSteps({ handle: space, windows }: Space): Step[] {
  const sorted = [...windows].sort((a, b) => (a.first < b.first ? -1 : 1));
  const [lowest, ...others] = sorted;
  if (lowest === undefined) return [];
  const step = (op: "default-window" | "window", { first, last, pageSize }: Window): Step => ({
    op,
    space,
    range: { first, last },
    pageSize,
  });
  const made = others.map((window) => step("window", window));
  if (lowest.first >= DYNAMIC_FROM) return [step("window", lowest), ...made];
  if (lowest.pageSize === DEFAULT_PAGE_BYTES) return [step("default-window", lowest), ...made];
  return [{ op: "drop-default-window", space }, step("window", lowest), ...made];
}

/** A domain is made by its first endpoint. */
export function domainFrame({ spaces, attachments }: Parts): Step[] {
  const steps: Step[] = [];
  for (const each of spaces) {
    const { handle: space, kernelId } = each;
    const bypass = isBypass(each) ? { bypass: true as const } : {};
    const here = attachments.filter(({ ioas }) => ioas === space);
    for (const { device, pasid } of here) steps.push({ op: "attach", device, pasid, space, hwpt: null, ...bypass });
    if (here.length === 0) steps.push({ op: "space", space, kernelId, ...bypass });
  }
  return steps;
}
