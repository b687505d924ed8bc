/** The model of iommufd on which a plan is carried out: what a fresh VMM finds there, and what it has made so far. */
import { EventBatch } from "../event-batch.ts";
import type { HwptHandle, IoasEvent, IoasHandle } from "../events.ts";
import { applyBatch } from "../evolve.ts";
import type { Environment } from "../profile/environment.ts";
import { type KernelProfile, kernelProfile } from "../profile/kernel-profile.ts";
import type { Source } from "../source.ts";
import { ContextState, type Hwpt, type Space } from "../state.ts";

const BATCH_EVENTS = 32;
const ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };

export interface DestinationOptions {
  readonly environment: Environment;
  readonly kernel: string;
  /** The VMM's address of a source; null: it has none. Default: the recorded address, or the guest's own. */
  readonly addressOf?: (source: Source) => bigint | null;
}

export class Destination {
  readonly state = new ContextState();
  readonly environment: Environment;
  readonly kernel: KernelProfile;
  readonly addressOf: (source: Source) => bigint | null;
  /** What the plan's handles stand for here; the VMM keeps it, so that a plan can be applied again. */
  readonly spaces = new Map<IoasHandle, IoasHandle>();
  readonly hwpts = new Map<HwptHandle, HwptHandle>();
  readonly #copies: Map<number, number>;
  #batch = new EventBatch(1, 1, BATCH_EVENTS);

  constructor({ environment, kernel, addressOf = recordedAddress }: DestinationOptions) {
    this.#copies = new Map(environment.copies);
    this.environment = { ...environment, copies: this.#copies };
    this.kernel = kernelProfile(kernel);
    this.addressOf = addressOf;
  }

  /** What stands here for a space of the plan; null: not made, or gone. */
  space(handle: IoasHandle): Space | null {
    const here = this.spaces.get(handle);
    const space = here === undefined ? undefined : this.state.spaces[here];
    return space?.isAlive === true ? space : null;
  }

  hwpt(handle: HwptHandle): Hwpt | null {
    const here = this.hwpts.get(handle);
    return here === undefined ? null : (this.state.hwpts[here] ?? null);
  }

  /**
   * @param source of every mapping among the events: what the plan said, instead of an address of this host
   * @param maps for each mapping, the version of the MAP whose pages it shares
   */
  fold(events: readonly IoasEvent[], source: Source | null = null, maps: readonly (number | null)[] = []): void {
    let mapped = 0;
    for (const event of events) {
      if (this.#batch.isFull) this.#batch = new EventBatch(1, this.state.version + 1, BATCH_EVENTS);
      const row = this.#batch.length;
      this.#batch.push(source !== null && event.type === "IovaMapped" ? { ...event, source } : event, ENVELOPE);
      applyBatch(this.state, this.#batch, row, row + 1);
      const map = event.type === "IovaMapped" ? (maps[mapped++] ?? null) : null;
      if (map !== null) this.#copies.set(this.state.version, map);
    }
  }
}

/** The address that the recording has. */
export function recordedAddress(source: Source): bigint | null {
  if (source.kind === "va" || source.kind === "copy") return source.va;
  return source.kind === "gpa" ? source.gpa : null;
}
