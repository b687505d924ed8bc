/** VFIO's group interface with the type1 driver as the model of a context (profiles vfio-type1, vfio-type1v2). */
import { type Iova, lengthOf } from "../address.ts";
import type { Span } from "../area.ts";
import type { AreaTable } from "../area-table.ts";
import type { DriverChange, IoasEvent, IoasHandle } from "../events.ts";
import { IoasisError } from "../failure.ts";
import type { ContextState } from "../state.ts";
import type { Type1Command } from "../type1/commands.ts";
import { decideType1 } from "../type1/decide.ts";
import { PAGE_BYTES, type Type1Environment } from "../type1/environment.ts";
import type { Type1Event } from "../type1/events.ts";
import { applyType1 } from "../type1/evolve.ts";
import { type Driver, Type1State } from "../type1/state.ts";
import { TYPE1_IOMMU, TYPE1V2_IOMMU, VFIO_TYPE1, VFIO_TYPE1V2 } from "../type1/type1-profile.ts";
import type { DriverOutcome, ModelledDriver } from "./driver-model.ts";
import type { ModelCommand } from "./model.ts";
import { mapDmaRefused, unmapDmaRefused } from "./refusal-event.ts";
import { withAddresses } from "./type1-addresses.ts";
import { TYPE1_COMMANDS } from "./type1-commands.ts";
import { driverIn, mappedEvent, type Type1Spaces, type1Facts } from "./type1-facts.ts";
import { bitsOf, type SavedType1, saveType1, tablesOfType1, wordsOf } from "./type1-saved.ts";

/** VFIO_DMA_CC_IOMMU */
const DMA_CC_IOMMU = 4;
const DMA_UNMAP_VADDR = 4;

/** Questions: they leave no event, answered or refused. */
const QUESTIONS: ReadonlySet<string> = new Set([
  "QueryApiVersion",
  "CheckExtension",
  "QueryGroupStatus",
  "QueryInfo",
  "UnknownCall",
]);

export class Type1Driver implements ModelledDriver<Type1Event>, Type1Spaces {
  readonly commands = TYPE1_COMMANDS;
  readonly type1: Type1State;
  readonly spaces: Map<number, IoasHandle>;
  readonly environment: Type1Environment;
  /** The only interface that this profile sets; null: both. */
  readonly iommuType: number | null;

  constructor(
    environment: Type1Environment,
    iommuType: number | null = null,
    type1 = new Type1State(),
    spaces: Iterable<readonly [container: number, ioas: IoasHandle]> = [],
  ) {
    this.environment = environment;
    this.iommuType = iommuType;
    this.type1 = type1;
    this.spaces = new Map(spaces);
  }

  get groups() {
    return this.environment.groups;
  }

  decide(command: ModelCommand): DriverOutcome<Type1Event> {
    const call = command as Type1Command;
    this.#checkTold(call);
    if (call.command === "OpenGroup" && !this.groups.has(call.group)) return this.#noGroup(call.group);
    const { errno, rule, events, out, bug } = withAddresses(call, decideType1(this.type1, call, this.environment));
    const refusal = errno === null || QUESTIONS.has(call.command) ? null : this.#refusal(call, rule ?? "");
    return { errno, returned: 0, rule, events, out, bug: bug?.name ?? null, refusal };
  }

  /** What the hosts do not tell, and which interface the context was made for. */
  #checkTold(call: Type1Command): void {
    if (call.command === "CheckExtension" && call.extension === DMA_CC_IOMMU)
      throw new IoasisError("ERR_INPUT", "CheckExtension 4 (VFIO_DMA_CC_IOMMU): no host profile tells cache coherency");
    if (call.command !== "SetIommu" || this.iommuType === null) return;
    const isOther = [TYPE1_IOMMU, TYPE1V2_IOMMU].includes(call.iommuType) && call.iommuType !== this.iommuType;
    if (isOther)
      throw new IoasisError(
        "ERR_INPUT",
        `SetIommu ${call.iommuType}: the context was made for type ${this.iommuType}: create one with the other profile`,
      );
  }

  #noGroup(group: number): DriverOutcome<Type1Event> {
    const rule = `open: the hosts have no group ${group}`;
    const refusal: IoasEvent = { type: "CallRefused", call: "OpenGroup", detail: rule };
    return { errno: "ENOENT", returned: 0, rule, events: [], out: null, bug: null, refusal };
  }

  #refusal(call: Type1Command, detail: string): IoasEvent {
    const ioas = "container" in call ? (this.spaces.get(call.container ?? -1) ?? null) : null;
    if (call.command === "MapDma") return mapDmaRefused(ioas, call);
    if (call.command === "UnmapDma" && (call.flags & DMA_UNMAP_VADDR) === 0) return unmapDmaRefused(ioas, call);
    return { type: "CallRefused", call: call.command, detail };
  }

  compact(event: Type1Event): IoasEvent | null {
    if (event.type !== "DmaMapped" && event.type !== "DmaUnmapped") return null;
    const ioas = this.spaces.get(event.container);
    const driver = driverIn(this, event.container);
    if (ioas === undefined || driver === null || driver.isMisled) return null;
    if (event.type === "DmaMapped") {
      const { first, last } = event.range;
      return event.lockedPages === lengthOf(first, last) / PAGE_BYTES ? mappedEvent(ioas, event) : null;
    }
    return this.#unmapped(ioas, driver, event.iovas);
  }

  /** One range that takes these mappings and no other, or null. */
  #unmapped(ioas: IoasHandle, driver: Driver, iovas: readonly Iova[]): IoasEvent | null {
    const gone = iovas.map((iova) => driver.mappings.spans(iova, iova)[0]);
    if (gone.length === 0 || gone.some((area, i) => area?.iova !== iovas[i])) return null;
    // In order of address, with nothing else between them: one range says it all.
    const [first, last] = [gone[0]?.iova, gone.at(-1)?.last];
    if (first === undefined || last === undefined || last < first) return null;
    const inside = gone.length === 1 ? (gone as Span[]) : driver.mappings.spans(first, last);
    if (inside.length !== gone.length || inside.some(({ iova }, i) => iova !== iovas[i])) return null;
    const bytes = inside.reduce((sum, area) => sum + (area.last - area.iova + 1n), 0n);
    return { type: "IovaUnmapped", ioas, iova: first, last, bytes: bytes as ReturnType<typeof lengthOf> };
  }

  expand(event: IoasEvent): Type1Event | null {
    if (event.type !== "IovaMapped" && event.type !== "IovaUnmapped") return null;
    const container = [...this.spaces].find(([, ioas]) => ioas === event.ioas)?.[0];
    const driver = container === undefined ? null : driverIn(this, container);
    if (container === undefined || driver === null) return null;
    const { iova: first, last } = event;
    if (event.type === "IovaUnmapped") {
      const iovas = [...driver.mappings.in(first, last)].map(({ iova }) => iova);
      return { type: "DmaUnmapped", container, iovas };
    }
    const { source, prot } = event;
    if (source.kind !== "va") return null;
    const flags = (prot === "w" ? 0 : 1) | (prot === "r" ? 0 : 2);
    const lockedPages = lengthOf(first, last) / PAGE_BYTES;
    return { type: "DmaMapped", container, range: { first, last }, flags, userVa: source.va, lockedPages };
  }

  facts(event: Type1Event, state: ContextState): readonly IoasEvent[] {
    return type1Facts(event, this, state);
  }

  apply(event: Type1Event, nextIoas: number): void {
    if (event.type === "DriverSet") this.spaces.set(event.container, nextIoas);
    applyType1(this.type1, event);
    if (event.type === "DriverReleased") this.spaces.delete(event.container);
  }

  save(facts: number): { readonly driver: SavedType1; readonly tables: readonly AreaTable[] } {
    return { driver: saveType1(this.type1, this.spaces, facts), tables: tablesOfType1(this.type1) };
  }

  toChange(event: Type1Event): DriverChange {
    if (event.type === "DriverSet") return { ...event, profile: event.profile.name };
    if (event.type === "DirtyBitmapsRead")
      return { ...event, spareBits: event.spareBits.map(([iova, bits]) => [iova, ...wordsOf(bits)]) };
    return event;
  }

  fromChange(change: DriverChange): Type1Event {
    const event = change as object as Type1Event;
    if (event.type === "DriverSet")
      return { ...event, profile: change["profile"] === VFIO_TYPE1.name ? VFIO_TYPE1 : VFIO_TYPE1V2 };
    if (event.type !== "DirtyBitmapsRead") return event;
    return { ...event, spareBits: event.spareBits.map(([iova, ...words]) => [iova, bitsOf(words as bigint[])]) };
  }
}
