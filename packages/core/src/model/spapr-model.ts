/** VFIO's group interface with the sPAPR TCE driver as the model of a context (profiles spapr-tce, spapr-tce-v2). */
import type { AreaTable } from "../area-table.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { DriverChange, IoasEvent, IoasHandle } from "../events.ts";
import { IoasisError } from "../failure.ts";
import type { SpaprCommand } from "../spapr/commands.ts";
import { decideSpapr } from "../spapr/decide.ts";
import type { SpaprEnvironment } from "../spapr/environment.ts";
import type { SpaprEvent } from "../spapr/events.ts";
import { applySpapr } from "../spapr/evolve.ts";
import { type Driver, SpaprState, slotOf } from "../spapr/state.ts";
import type { ContextState } from "../state.ts";
import type { DriverOutcome, ModelledDriver } from "./driver-model.ts";
import type { ModelCommand } from "./model.ts";
import { mapDmaRefused, unmapDmaRefused } from "./refusal-event.ts";
import { realisedCall } from "./spapr-addresses.ts";
import { SPAPR_COMMANDS } from "./spapr-commands.ts";
import { clearedEvent, type SpaprSpaces, setEvent, spaprFacts } from "./spapr-facts.ts";
import { type SavedSpapr, saveSpapr, tablesOfSpapr } from "./spapr-saved.ts";

/** VFIO_SPAPR_TCE_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU */
const IOMMU_TYPES: readonly number[] = [2, 7];

/** Questions: they leave no event, answered or refused. */
const QUESTIONS: ReadonlySet<string> = new Set([
  "QueryApiVersion",
  "CheckExtension",
  "QueryGroupStatus",
  "QueryTceInfo",
  "UnknownCall",
]);

export class SpaprDriver implements ModelledDriver<SpaprEvent>, SpaprSpaces {
  readonly commands = SPAPR_COMMANDS;
  readonly spapr: SpaprState;
  readonly spaces: Map<number, IoasHandle>;
  readonly environment: SpaprEnvironment;
  /** Null: any PE can be opened, and no device of it has a name. */
  readonly devices: ReadonlyMap<number, readonly string[]>;
  readonly #isOpenWorld: boolean;
  /** The only type that this profile sets; null: both. */
  readonly iommuType: number | null;

  constructor(
    environment: SpaprEnvironment,
    devices: ReadonlyMap<number, readonly string[]> | null = null,
    iommuType: number | null = null,
    spapr = new SpaprState(),
    spaces: Iterable<readonly [container: number, ioas: IoasHandle]> = [],
  ) {
    this.spapr = spapr;
    this.spaces = new Map(spaces);
    this.environment = environment;
    this.devices = devices ?? new Map();
    this.#isOpenWorld = devices === null;
    this.iommuType = iommuType;
  }

  decide(command: ModelCommand): DriverOutcome<SpaprEvent> {
    const given = command as SpaprCommand;
    const realised = realisedCall(this.spapr, given, this.environment);
    if (realised === null) return this.#decide(given);
    if ("errno" in realised) return this.#refused(given, realised);
    const outcome = this.#decide(realised.call);
    if (outcome.errno !== null || outcome.returned > 0 || realised.as === null) return outcome;
    return { ...outcome, out: { ...(outcome.out as object), realisedAs: realised.as } };
  }

  #refused(call: SpaprCommand, { errno, rule }: Refusal): DriverOutcome<SpaprEvent> {
    const refusal: IoasEvent = { type: "CallRefused", call: call.command, detail: rule };
    return { errno, returned: 0, rule, events: [], out: null, bug: null, refusal };
  }

  #decide(call: SpaprCommand): DriverOutcome<SpaprEvent> {
    if (call.command === "SetIommu") this.#checkType(call.iommuType);
    if (call.command === "OpenGroup" && !this.#isOpenWorld && !this.devices.has(call.pe)) return noGroup(call.pe);
    if ("container" in call && this.spapr.containers[call.container] === undefined) return badFile(call);
    const { errno, returned, rule, events, out, bug } = decideSpapr(this.spapr, call, this.environment);
    const isRefused = errno !== null && !QUESTIONS.has(call.command);
    const refusal = isRefused ? this.#refusal(call, rule ?? "") : null;
    return { errno, returned, rule, events, out, bug: bug?.name ?? null, refusal };
  }

  #checkType(asked: number): void {
    if (this.iommuType === null || !IOMMU_TYPES.includes(asked) || asked === this.iommuType) return;
    throw new IoasisError(
      "ERR_INPUT",
      `SetIommu ${asked}: the context was made for type ${this.iommuType}: create one with the other profile`,
    );
  }

  #refusal(call: SpaprCommand, detail: string): IoasEvent {
    const ioas = "container" in call ? (this.spaces.get(call.container) ?? null) : null;
    if (call.command === "MapDma") return mapDmaRefused(ioas, call);
    if (call.command === "UnmapDma") return unmapDmaRefused(ioas, call);
    return { type: "CallRefused", call: call.command, detail };
  }

  compact(event: SpaprEvent): IoasEvent | null {
    if (event.type !== "TcesSet" && event.type !== "TcesCleared") return null;
    const ioas = this.spaces.get(event.container);
    const driver = this.#driverIn(event.container);
    const window = driver?.windows[event.slot] ?? null;
    if (ioas === undefined || driver === null || window === null) return null;
    if (slotOf(driver.windows, event.first) !== event.slot) return null;
    return event.type === "TcesSet" ? setEvent(ioas, event) : clearedEvent(ioas, window, event.first, event.last);
  }

  expand(event: IoasEvent): SpaprEvent | null {
    if (event.type !== "IovaMapped" && event.type !== "IovaUnmapped") return null;
    const container = [...this.spaces].find(([, ioas]) => ioas === event.ioas)?.[0];
    const driver = container === undefined ? null : this.#driverIn(container);
    if (container === undefined || driver === null) return null;
    const slot = slotOf(driver.windows, event.iova);
    if (slot < 0) return null;
    const tces = { container, slot, first: event.iova as bigint, last: event.last as bigint };
    if (event.type === "IovaUnmapped") return { type: "TcesCleared", ...tces };
    if (event.source.kind !== "va") return null;
    const flags = ["unknown", "r", "w", "rw"].indexOf(event.prot);
    return { type: "TcesSet", ...tces, va: event.source.va, flags };
  }

  facts(event: SpaprEvent, state: ContextState): readonly IoasEvent[] {
    return spaprFacts(event, this, state);
  }

  apply(event: SpaprEvent, nextIoas: number): void {
    if (event.type === "DriverSet") this.spaces.set(event.container, nextIoas);
    applySpapr(this.spapr, event, this.environment.platform.pageShift);
    if (event.type === "DriverReleased") this.spaces.delete(event.container);
  }

  save(facts: number): { readonly driver: SavedSpapr; readonly tables: readonly AreaTable[] } {
    return { driver: saveSpapr(this.spapr, this.spaces, facts), tables: tablesOfSpapr(this.spapr) };
  }

  toChange(event: SpaprEvent): DriverChange {
    return { ...event };
  }

  fromChange(change: DriverChange): SpaprEvent {
    return change as object as SpaprEvent;
  }

  #driverIn(container: number): Driver | null {
    return this.spapr.containers[container]?.driver ?? null;
  }
}

function noGroup(pe: number): DriverOutcome<SpaprEvent> {
  return refusedOpen("OpenGroup", "ENOENT", `open: the hosts have no group ${pe}`);
}

function badFile({ command }: SpaprCommand): DriverOutcome<SpaprEvent> {
  return refusedOpen(command, "EBADF", "ioctl: no open file");
}

function refusedOpen(call: string, errno: "ENOENT" | "EBADF", rule: string): DriverOutcome<SpaprEvent> {
  const refusal: IoasEvent | null = QUESTIONS.has(call) ? null : { type: "CallRefused", call, detail: rule };
  return { errno, returned: 0, rule, events: [], out: null, bug: null, refusal };
}
