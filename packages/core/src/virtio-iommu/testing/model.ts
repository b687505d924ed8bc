/** A virtio-iommu device that requests change, with three endpoints of a guest behind it: for tests. */
import type { Iova } from "../../address.ts";
import { EventBatch } from "../../event-batch.ts";
import type { IoasEvent } from "../../events.ts";
import { applyBatch } from "../../evolve.ts";
import { WHOLE_SPACE } from "../../range.ts";
import { ContextState } from "../../state.ts";
import type { VirtioIommuCommand } from "../commands.ts";
import { decideVirtioIommu } from "../decide.ts";
import type { EndpointTraits, VirtioIommuEnvironment } from "../environment.ts";
import type { VirtioIommuOutcome } from "../outcome.ts";

export const PAGE = 0x1000n;
const range = (first: bigint, last: bigint) => ({ first: first as Iova, last: last as Iova });

const EMULATED: EndpointTraits = { reserved: [], hostRanges: null };
/** Assigned: its host takes 39 bits. */
const ASSIGNED: EndpointTraits = {
  reserved: [{ ...range(0x80_0000_0000n, 0xffff_ffff_ffff_ffffn), type: "reserved" }],
  hostRanges: [range(0n, 0xfedf_ffffn), range(0xfef0_0000n, 0x7f_ffff_ffffn)],
};

export class Model {
  readonly state = new ContextState();
  environment: VirtioIommuEnvironment;

  constructor(change: Partial<VirtioIommuEnvironment> = {}) {
    this.environment = {
      implementation: "qemu",
      pageSizeMask: 0xffff_ffff_ffff_f000n,
      inputRange: WHOLE_SPACE,
      probeBytes: 512,
      bypass: true,
      reserved: [{ ...range(0xfee0_0000n, 0xfeef_ffffn), type: "msi" }],
      endpoints: new Map([
        [8, EMULATED],
        [24, EMULATED],
        [40, ASSIGNED],
      ]),
      ...change,
    };
  }

  /** What the request would come to; nothing changes. */
  ask(command: VirtioIommuCommand): VirtioIommuOutcome<unknown> {
    return decideVirtioIommu(this.state, command, this.environment);
  }

  /** Decides and folds. */
  run(command: VirtioIommuCommand): VirtioIommuOutcome<unknown> {
    const outcome = this.ask(command);
    this.fold(outcome.events);
    return outcome;
  }

  fold(events: readonly IoasEvent[]): void {
    const batch = new EventBatch(1, this.state.version + 1, events.length);
    for (const event of events) batch.push(event, { stamp: null, actor: null, errno: null, line: 0 });
    applyBatch(this.state, batch);
  }

  attach(domain: number, endpoint: number, flags = 0): VirtioIommuOutcome<unknown> {
    return this.run({ command: "AttachEndpoint", domain, endpoint, flags });
  }

  detach(domain: number, endpoint: number): VirtioIommuOutcome<unknown> {
    return this.run({ command: "DetachEndpoint", domain, endpoint });
  }

  map(domain: number, virtStart: bigint, virtEnd: bigint, physStart = 0x10_0000n, flags = 3) {
    return this.run({ command: "MapRange", domain, virtStart, virtEnd, physStart, flags });
  }

  unmap(domain: number, virtStart: bigint, virtEnd: bigint): VirtioIommuOutcome<unknown> {
    return this.run({ command: "UnmapRange", domain, virtStart, virtEnd });
  }

  /** [first, last] of every mapping of a domain; null: there is no such domain. */
  mappings(domain: number): (readonly [bigint, bigint])[] | null {
    const space = this.state.spaceOfKernelId(domain);
    return space && [...space.areas.all()].map(({ iova, last }) => [iova, last] as const);
  }
}
