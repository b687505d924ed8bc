/** The model's side of a replay of a type1 recording: its state, and the machine and process around it. */
import { IoasisError } from "../failure.ts";
import { UserMemory } from "../profile/user-memory.ts";
import type { FileRef } from "../type1/commands.ts";
import type { GroupNumber, Type1Environment } from "../type1/environment.ts";
import type { Type1Event } from "../type1/events.ts";
import { applyType1 } from "../type1/evolve.ts";
import { Type1State } from "../type1/state.ts";
import type { Fields } from "./fields.ts";
import { handleNumber } from "./recorded.ts";
import { MEMLOCK_BYTES_DEFAULT } from "./recorder.ts";
import { type1Groups, type1Iommu } from "./type1-host.ts";

/** Where the model puts the mmap of the edu device's BAR 0: the recordings tell only offsets in it. */
const BAR_VA = 0x7000_0000_0000n;
const BAR_BYTES = 0x10_0000n;
/** Standard input, output and error of the recorder are open, and no container. */
const STANDARD_FILES = 3;

/** `Type1Environment` while a replay changes it. */
interface Surroundings extends Type1Environment {
  memory: UserMemory;
  deviceMemory: UserMemory;
  memlockBytes: bigint | null;
  canLockMemory: boolean;
  entriesMax: number;
}

export class Type1Replay {
  readonly state = new Type1State();
  readonly environment: Surroundings;
  readonly #numbers: ReadonlyMap<string, GroupNumber>;

  constructor(meta: Fields) {
    const iommu = type1Iommu(meta);
    const { groups, numbers } = type1Groups(meta, iommu);
    this.#numbers = numbers;
    this.environment = {
      iommu,
      groups,
      memory: UserMemory.of(meta.u64("va_base"), meta.u64("buf_size")),
      deviceMemory: UserMemory.of(BAR_VA, BAR_BYTES),
      memlockBytes: MEMLOCK_BYTES_DEFAULT,
      canLockMemory: true,
      entriesMax: meta.number("dma_entry_limit"),
    };
  }

  apply(events: readonly Type1Event[]): void {
    for (const event of events) applyType1(this.state, event);
  }

  /** The group of a device that the meta line names. */
  groupOf(given: Fields): GroupNumber {
    const device = given.text("dev");
    const number = this.#numbers.get(device);
    if (number !== undefined) return number;
    throw new IoasisError("ERR_INPUT", `the meta line names no device "${device}"`);
  }
}

/** The number of a handle; null: a descriptor that the recording knows no handle of. */
export function fileHandle(given: Fields, name: string): number | null {
  const handle = given.textOrNull(name);
  return handle === null ? null : handleNumber(handle);
}

/** `va`, or where it is in the BAR the model's address of it. */
export function userVaOf(given: Fields): bigint {
  return given.has("va_bar_off") ? BAR_VA + given.u64("va_bar_off") : given.u64("va");
}

const KINDS = { cont: "container", group: "group", dev: "device" } as const;

/** What `name` refers to: a handle of any kind, or where it is null the raw descriptor `fd`. */
export function fileRef(given: Fields, name: string): FileRef {
  const handle = given.textOrNull(name);
  if (handle === null) {
    const fd = given.has("fd") ? given.number("fd") : -1;
    return { kind: fd >= 0 && fd < STANDARD_FILES ? "foreign" : "none" };
  }
  const number = handleNumber(handle);
  for (const [prefix, kind] of Object.entries(KINDS))
    if (handle === `${prefix}${number}`) return { kind, handle: number };
  throw new IoasisError("ERR_INPUT", `"${handle}" is no handle of a container, a group or a device`);
}
