/** What a plan cannot bring back, or leaves to who applies it: said, never guessed. */
import type { Source } from "../source.ts";
import type { Attachment, ContextState, IommufdObject, Space } from "../state.ts";
import { DYNAMIC_FROM } from "./other-frames.ts";
import type { Parts } from "./plan-of.ts";
import type { Dialect } from "./step.ts";

export function planNotes(parts: Parts): string[] {
  return [...frameNotes(parts), ...mappingNotes(parts)];
}

function frameNotes({ state, dialect, spaces, attachments, hwpts }: Parts): string[] {
  const notes: string[] = [];
  if (state.gaps > 0)
    notes.push(`The recorder lost events (last at version ${state.lostAt}): the plan may lack what they hid.`);
  for (const { handle, isWhole } of spaces)
    if (!isWhole && state.gaps === 0)
      notes.push(`ioas${handle} was there before the recording began: what it held then is not in the plan.`);
  const handles = new Set(spaces.map(({ handle }) => handle));
  for (const { device, ioas, hwpt } of attachments) {
    const table = hwpt === null ? undefined : state.hwpts[hwpt];
    if (ioas === null || !handles.has(ioas)) notes.push(`The recording does not tell what ${device} is attached to.`);
    else if (table?.parent !== undefined && table.parent !== null)
      notes.push(
        `${device} is attached to a nested page table, whose content belongs to the guest: its attach is not in the plan.`,
      );
  }
  for (const [access, { ioas }] of state.accesses)
    if (ioas !== null && handles.has(ioas))
      notes.push(`${access}, a user of ioas${ioas} inside the kernel, is not made by a call of the plan.`);
  if (dialect !== "iommufd") {
    for (const { handle } of spaces)
      if (attachments.every(({ ioas }) => ioas !== handle))
        notes.push(
          `The recording does not tell which devices ioas${handle} is for: name a group (an endpoint) of the new host, without one there is no space.`,
        );
    return [...notes, ...containerNotes(state, dialect, spaces, attachments)];
  }
  for (const { handle, auto } of hwpts)
    if (auto)
      notes.push(
        `hwpt${handle} is the kernel's own and nothing is attached to it: this version is in the middle of an attach or a detach. Take the next one.`,
      );
    else if (!attachments.some(({ hwpt }) => hwpt === handle))
      notes.push(
        `hwpt${handle} has no device: make it for one whose IOMMU has the page size that the call names and translates those addresses; it may go again then.`,
      );
  notes.push(...objectNotes(state));
  if (spaces.some(({ reservations }) => reservations.some(({ owner }) => owner === "user")))
    notes.push("IOMMU_TEST_OP_ADD_RESERVED is a call of the kernel's self-test: no VMM makes it.");
  return notes;
}

function containerNotes(
  state: ContextState,
  dialect: Dialect,
  spaces: readonly Space[],
  attachments: readonly Attachment[],
): string[] {
  if (dialect === "virtio-iommu") return [];
  const ungrouped = attachments.filter(
    ({ device, ioas }) => ioas !== null && (state.devices.get(device)?.group ?? null) === null,
  );
  const notes = ungrouped.map(
    ({ device }) =>
      `The recording does not tell the IOMMU group of ${device}: devices of one group join their container once.`,
  );
  for (const { handle, windows } of dialect === "spapr-tce-v2" ? spaces : [])
    if (windows.length > 0 && windows.every(({ first }) => first >= DYNAMIC_FROM))
      notes.push(
        `ioas${handle} has no window below 4 GiB: the default one of the new container stays beside (TCE_REMOVE takes it away; pseries gives none back).`,
      );
  return notes;
}

const OBJECTS: Readonly<Record<Exclude<IommufdObject["kind"], "leaked">, string>> = {
  fault: "a fault queue",
  viommu: "a vIOMMU",
  vdevice: "a vdevice",
  veventq: "a virtual event queue",
  "hw-queue": "a hardware queue",
};

/** What the guest's driver fills, or reads from, is made again by the VMM together with the guest. */
function objectNotes({ objects, hwpts }: ContextState): string[] {
  const notes: string[] = [];
  for (const [id, { kind }] of objects)
    if (kind !== "leaked")
      notes.push(`Object ${id} is ${OBJECTS[kind]}, which holds no mappings: it is not in the plan.`);
  for (const hwpt of hwpts)
    if (hwpt !== undefined && hwpt.parent !== null)
      notes.push(
        `hwpt${hwpt.handle} is a nested page table, whose content belongs to the guest: it is not in the plan.`,
      );
  return notes;
}

const WANTING: Readonly<Partial<Record<Source["kind"], string>>> = {
  va: "are of user memory: the VMM gives its own address of the same memory",
  copy: "are of user memory: the VMM gives its own address of the same memory",
  dmabuf: "are of a dma-buf, which belongs to a device of the old host",
  paddr: "are told by physical address, which means nothing on another host",
  unknown: "have a source that the recording does not tell",
};

function mappingNotes({ spaces }: Parts): string[] {
  const counts = new Map<string, number>();
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  for (const { areas } of spaces)
    for (const { source, prot } of areas.all()) {
      const wanting = WANTING[source.kind];
      if (wanting !== undefined) count(wanting);
      if (prot === "unknown") count("may be read or written or both: the recording does not tell");
    }
  return [...counts].map(([what, number]) => `${number} mapping${number === 1 ? "" : "s"}: ${what}.`);
}
