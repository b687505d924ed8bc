/** A virtio-iommu device as the model of a context: its events are address spaces' own, so its state is the projection. */
import type { EventBatch } from "../event-batch.ts";
import type { JsonObject } from "../event-json.ts";
import type { ContextState } from "../state.ts";
import type { VirtioIommuCommand } from "../virtio-iommu/commands.ts";
import { decideVirtioIommu } from "../virtio-iommu/decide.ts";
import type { VirtioIommuEnvironment } from "../virtio-iommu/environment.ts";
import { commandFromJson } from "./command-fields.ts";
import { LiveState } from "./live-state.ts";
import type { Model, ModelCommand, ModelOutcome } from "./model.ts";
import type { SavedModel } from "./saved-model.ts";
import { VIRTIO_IOMMU_COMMANDS } from "./virtio-commands.ts";

export class VirtioIommuModel implements Model {
  readonly environment: VirtioIommuEnvironment;
  readonly #live: LiveState;

  constructor(environment: VirtioIommuEnvironment, state?: ContextState) {
    this.environment = environment;
    this.#live = new LiveState(state);
  }

  get state(): ContextState {
    return this.#live.state;
  }

  commandOf(json: JsonObject): ModelCommand {
    return commandFromJson(json, VIRTIO_IOMMU_COMMANDS);
  }

  /** `out`: the status, as the device writes it (null: the request came back unwritten), and what PROBE tells. */
  execute(command: ModelCommand): ModelOutcome {
    const request = command as VirtioIommuCommand;
    const { errno, rule, events, status, out, bug } = decideVirtioIommu(this.state, request, this.environment);
    for (const event of events) this.#live.add(event);
    // How much an UNMAP took is told by nothing but its event.
    const told = request.command === "ProbeEndpoint" ? { status, ...out } : { status };
    return { errno, returned: 0, rule, events, out: told, bug: bug?.name ?? null };
  }

  fold(batch: EventBatch, from = 0, to = batch.length): void {
    for (let row = from; row < to; row++) this.#live.fold(batch, row);
  }

  save(): SavedModel {
    return { state: this.state, driver: { kind: "virtio-iommu" }, tables: [] };
  }
}
