/** A state without its areas as one msgpack value, with every field named: a new one must be added here. */
import {
  type Access,
  type Attachment,
  type BoundDevice,
  ContextState,
  type Hwpt,
  type IommufdObject,
  type RegisteredMemory,
  type Reservation,
  Space,
  type Window,
} from "@ioasis/core";
import * as check from "./checks.ts";
import { damaged } from "./damage.ts";

type Fields<T> = Readonly<Record<keyof T, check.Check>>;

const id = check.orNull(check.number);
const handle = check.orNull(check.handle);
const SPACE: Fields<Omit<Space, "known" | "areas">> = {
  handle: check.handle,
  kernelId: id,
  isAlive: check.flag,
  isWhole: check.flag,
  reservations: listOf<Reservation>({ owner: check.text, first: check.address, last: check.address }),
  allowed: check.ranges,
  largePages: check.flag,
  windows: listOf<Window>({ first: check.address, last: check.address, pageSize: check.address }),
};
const HWPT: Fields<Hwpt> = {
  handle: check.handle,
  kernelId: id,
  ioas: check.handle,
  auto: check.flag,
  pageSize: check.orNull(check.address),
  aperture: check.orNull(check.range),
  dirtyTracking: check.flag,
  nestParent: check.flag,
  parent: handle,
  fault: check.orAbsent(check.number),
  viommu: check.orAbsent(check.number),
  takesPasids: check.orAbsent(check.flag),
  device: check.orAbsent(check.text),
  isTracking: check.flag,
};
const DEVICE: Fields<BoundDevice> = { kernelId: id, group: check.orNull(check.text), objectId: id };
const ATTACHMENT: Fields<Attachment> = { device: check.text, pasid: id, ioas: handle, hwpt: handle };
const ACCESS: Fields<Access> = { kernelId: id, ioas: handle, pins: check.flag };
type ObjectFields = {
  readonly [K in IommufdObject["kind"]]: Fields<Omit<Extract<IommufdObject, { kind: K }>, "kind">>;
};
const OBJECTS: ObjectFields = {
  fault: { isOpen: check.flag },
  viommu: { hwpt: handle, viommuType: check.number, iommu: check.orNull(check.text) },
  vdevice: { viommu: check.number, device: check.text, virtualId: check.address },
  veventq: { viommu: check.number, queueType: check.number, isOpen: check.flag },
  "hw-queue": {
    viommu: check.number,
    queueType: check.number,
    index: check.number,
    iova: check.address,
    last: check.address,
    access: check.text,
  },
  leaked: {},
};
const STATE: Fields<StateRecord> = {
  version: check.number,
  gaps: check.number,
  lostAt: check.number,
  isLosing: check.flag,
  rlimitMode: check.mode,
  vfioIoas: check.orAbsent(handle),
  spaces: listOf<Omit<Space, "known" | "areas">>(SPACE),
  hwpts: (value) => Array.isArray(value) && value.every(check.orNull(check.recordOf(HWPT))),
  devices: entriesOf(check.recordOf(DEVICE)),
  attachments: entriesOf(check.recordOf(ATTACHMENT)),
  accesses: entriesOf(check.recordOf(ACCESS)),
  objects: check.orAbsent(entriesOf(isObject, check.number)),
  registered: listOf<RegisteredMemory>({ va: check.address, length: check.bytes }),
  bookmarks: entriesOf(check.number),
};

/** Maps as lists of entries, so that their order is kept. */
export interface StateRecord {
  readonly version: number;
  readonly gaps: number;
  readonly lostAt: number;
  readonly isLosing: boolean;
  readonly rlimitMode: ContextState["rlimitMode"];
  readonly vfioIoas?: ContextState["vfioIoas"];
  readonly spaces: readonly Omit<Space, "known" | "areas">[];
  readonly hwpts: readonly (Hwpt | null)[];
  readonly devices: readonly (readonly [string, BoundDevice])[];
  readonly attachments: readonly (readonly [string, Attachment])[];
  readonly accesses: readonly (readonly [string, Access])[];
  /** Left out where there are none. */
  readonly objects?: readonly (readonly [number, IommufdObject])[];
  readonly registered: readonly RegisteredMemory[];
  readonly bookmarks: readonly (readonly [string, number])[];
}

export function stateRecord(state: ContextState): StateRecord {
  return {
    version: state.version,
    gaps: state.gaps,
    lostAt: state.lostAt,
    isLosing: state.isLosing,
    rlimitMode: state.rlimitMode,
    ...(state.vfioIoas === null ? {} : { vfioIoas: state.vfioIoas }),
    spaces: state.spaces.map(({ known, areas, ...rest }) => rest),
    hwpts: Array.from(state.hwpts, (hwpt) => hwpt ?? null),
    devices: [...state.devices],
    attachments: [...state.attachments],
    accesses: [...state.accesses],
    ...(state.objects.size === 0 ? {} : { objects: [...state.objects] }),
    registered: state.registered,
    bookmarks: [...state.bookmarks],
  };
}

/** The state with empty areas. @throws IoasisError ERR_BLOCK */
export function stateOfRecord(value: unknown): ContextState {
  const problem = check.recordProblem(value, STATE);
  if (problem !== null) throw damaged(`snapshot: state: ${problem}`);
  const record = value as StateRecord;
  const state = new ContextState();
  state.version = record.version;
  state.gaps = record.gaps;
  state.lostAt = record.lostAt;
  state.isLosing = record.isLosing;
  state.rlimitMode = record.rlimitMode;
  state.vfioIoas = record.vfioIoas ?? null;
  for (const [index, { handle, kernelId, isWhole, ...rest }] of record.spaces.entries()) {
    if (handle !== index) throw damaged(`snapshot: space ${handle} in the place of ${index}`);
    state.addSpace(Object.assign(new Space(handle, kernelId, isWhole), rest));
  }
  for (const [index, hwpt] of record.hwpts.entries()) {
    if (hwpt !== null && hwpt.handle !== index)
      throw damaged(`snapshot: page table ${hwpt.handle} in the place of ${index}`);
    if (hwpt === null) state.removeHwpt(index);
    else state.addHwpt(hwpt);
  }
  for (const [name, device] of record.devices) state.devices.set(name, device);
  for (const [key, attachment] of record.attachments) state.attachments.set(key, attachment);
  for (const [name, access] of record.accesses) state.accesses.set(name, access);
  for (const [id, object] of record.objects ?? []) state.objects.set(id, object);
  state.registered = [...record.registered];
  for (const [name, version] of record.bookmarks) state.bookmarks.set(name, version);
  return state;
}

function listOf<T>(fields: Fields<T>): check.Check {
  return check.listOf(check.recordOf(fields));
}

function isObject(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  const { kind, ...rest } = value;
  const fields: Readonly<Record<string, Readonly<Record<string, check.Check>>>> = OBJECTS;
  return typeof kind === "string" && Object.hasOwn(fields, kind) && check.recordOf(fields[kind] ?? {})(rest);
}

function entriesOf(second: check.Check, first: check.Check = check.text): check.Check {
  return check.listOf(check.tupleOf(first, second));
}
