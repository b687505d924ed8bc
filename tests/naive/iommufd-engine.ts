/** The engine's model of iommufd with what its shell keeps: pins, copies and dirty pages. */
import {
  type Area,
  applyBatch,
  type Command,
  ContextState,
  DirtyPages,
  decide,
  type Environment,
  EventBatch,
  type IoasEvent,
  kernelProfile,
  UserMemory,
} from "@ioasis/core";
import { type Answer, HUGE, PAGE, type Step } from "./iommufd-model.ts";

const ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 } as const;
const BATCH_EVENTS = 256;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** What the outputs of all commands have among them. */
type Out = Readonly<Record<string, unknown>> | null;

export class EngineIommufd {
  readonly state = new ContextState();
  readonly pins = new Map<string, { access: string; ioas: number; item: number; first: bigint; last: bigint }>();
  readonly #copies = new Map<number, number>();
  readonly #dirty = new Map<number, DirtyPages>();
  readonly #made = new Map<string, number>();
  readonly #devices = new Map();
  readonly #environment: Mutable<Environment>;
  readonly #profile = kernelProfile("6.12");
  #batch = new EventBatch(1, 1, BATCH_EVENTS);

  constructor(firstPage: bigint, pages: number, limitPages: number | null) {
    this.#environment = {
      pageSize: PAGE,
      hugePageSize: HUGE,
      memory: UserMemory.of(firstPage * PAGE, BigInt(pages) * PAGE),
      memlockBytes: limitPages === null ? null : BigInt(limitPages) * PAGE,
      canLockMemory: true,
      lockedUpTo: 0,
      canSetLimits: true,
      devices: this.#devices,
      pins: this.pins as Environment["pins"] & Map<string, never>,
      pinsMade: this.#made,
      copies: this.#copies,
      files: new Map(),
      dirty: this.#dirty,
      deviceFiles: new Map(),
    };
  }

  run(step: Step): Answer {
    switch (step.command) {
      case "Munmap":
        this.#environment.memory = this.#environment.memory.without(step.page * PAGE, PAGE);
        return [null];
      case "Mprotect": {
        const prot = step.isWritable ? 3 : 1;
        this.#environment.memory = this.#environment.memory.protected(step.page * PAGE, PAGE, prot);
        return [null];
      }
      case "DropLock":
        if (this.#environment.canLockMemory) this.#environment.lockedUpTo = this.state.version;
        this.#environment.canLockMemory = false;
        return [null];
      default:
        return this.#decide(step);
    }
  }

  #decide(command: Command): Answer {
    const outcome = decide(this.state, command as never, this.#profile, this.#environment);
    const out = outcome.out as Out;
    this.#apply(outcome.events, (out?.["maps"] as readonly (number | null)[] | undefined) ?? []);
    if (out === null) return [outcome.errno];
    this.#remember(command, out);
    return [outcome.errno, ...told(command, out)];
  }

  #apply(events: readonly IoasEvent[], copies: readonly (number | null)[]): void {
    let mapped = 0;
    for (const event of events) {
      if (this.#batch.isFull) this.#batch = new EventBatch(1, this.state.version + 1, BATCH_EVENTS);
      const row = this.#batch.length;
      this.#batch.push(event, ENVELOPE);
      applyBatch(this.state, this.#batch, row, row + 1);
      if (event.type === "IovaUnmapped") this.#forget(event.ioas, event.iova, event.last);
      if (event.type !== "IovaMapped") continue;
      const map = copies[mapped++] ?? null;
      if (map !== null) this.#copies.set(this.state.version, map);
    }
  }

  /** What an unmap takes, an access no longer pins and a device has no longer written. */
  #forget(ioas: number | null, first: bigint, last: bigint): void {
    for (const [name, pin] of this.pins)
      if (pin.ioas === ioas && pin.first <= last && pin.last >= first) this.pins.delete(name);
    for (const [hwpt, pages] of this.#dirty) if (this.state.hwpts[hwpt]?.ioas === ioas) pages.clear(first, last);
  }

  #remember(command: Command, out: Readonly<Record<string, unknown>>): void {
    switch (command.command) {
      case "CreateMockDevice":
        this.#devices.set(command.device, command.traits);
        break;
      case "ReplaceAccess":
        if (out["isMoved"] === true)
          for (const [name, { access }] of this.pins) if (access === command.access) this.pins.delete(name);
        break;
      case "PinAccess": {
        const pin = out["pin"] as { access: string; ioas: number; item: number; first: bigint; last: bigint };
        this.pins.set(`${pin.access}/${pin.item}`, pin);
        this.#made.set(pin.access, pin.item + 1);
        break;
      }
      case "UnpinAccess":
        this.pins.delete(out["pin"] as string);
        break;
      case "SetDirtyTracking":
        if (out["clears"] !== null) this.#dirty.delete(out["clears"] as number);
        break;
      case "GetDirtyBitmap":
        if (out["clearedUpTo"] !== null)
          this.#dirty.get(out["hwpt"] as number)?.clear(command.iova, out["clearedUpTo"] as bigint);
        break;
      case "MarkMockDirty": {
        const hwpt = out["hwpt"] as number;
        const pages = this.#dirty.get(hwpt) ?? new DirtyPages(this.state.hwpts[hwpt]?.pageSize ?? PAGE);
        this.#dirty.set(hwpt, pages);
        for (const page of out["pages"] as readonly bigint[]) pages.mark(page);
        break;
      }
      default:
    }
  }

  areasOf(ioas: number): string {
    return [...this.state.space(ioas).areas.all()].map(areaText).join();
  }

  reservedOf(ioas: number): string {
    const { reservations } = this.state.space(ioas);
    return reservations
      .map(({ first, last }) => `${first}-${last}`)
      .sort()
      .join();
  }

  allowedOf(ioas: number): string {
    const { allowed } = this.state.space(ioas);
    return allowed
      .map(({ first, last }) => `${first}-${last}`)
      .sort()
      .join();
  }

  /** The ids of all objects. */
  ids(): string {
    const ids: (number | null)[] = this.state.liveSpaces.map(({ kernelId }) => kernelId);
    for (const hwpt of this.state.hwpts) if (hwpt !== undefined) ids.push(hwpt.kernelId);
    for (const { kernelId, objectId } of this.state.devices.values()) ids.push(kernelId, objectId);
    for (const { kernelId } of this.state.accesses.values()) ids.push(kernelId);
    return ids
      .map(Number)
      .sort((a, b) => a - b)
      .join();
  }
}

function areaText({ iova, last, prot, source }: Area): string {
  const va = source.kind === "va" || source.kind === "copy" ? source.va : null;
  const writable = source.kind === "copy" ? source.writable : prot !== "r";
  return `${iova}-${last} ${prot} ${va} ${writable}`;
}

/** What the kernel writes back, as the naive model tells it. */
function told(command: Command, out: Readonly<Record<string, unknown>>): unknown[] {
  switch (command.command) {
    case "AllocIoas":
      return [out["ioasId"]];
    case "QueryIovaRanges": {
      const ranges = out["ranges"] as readonly { readonly first: bigint; readonly last: bigint }[];
      return [out["count"], ranges.map(({ first, last }) => `${first}-${last}`).join(), out["alignment"]];
    }
    case "MapIova":
      return [out["iova"]];
    case "CopyIova":
      return [out["dstIova"]];
    case "UnmapIova":
      return [out["length"]];
    case "UseOption":
      return [out["value"]];
    case "CreateMockDevice":
      return [out["deviceId"], out["boundId"], out["hwpt"], out["hwptId"], out["isAuto"]];
    case "ReplaceMockDevice":
      return [out["hwpt"], out["hwptId"], out["isAuto"]];
    case "AllocHwpt":
      return [out["hwpt"], out["hwptId"]];
    case "GetDirtyBitmap": {
      const set = [...(out["set"] as readonly bigint[])].sort((a, b) => Number(a - b));
      return [out["pages"], set.join()];
    }
    case "MarkMockDirty":
      return [out["count"]];
    case "PinAccess":
      return [(out["pin"] as { readonly item: number }).item];
    default:
      return [];
  }
}
