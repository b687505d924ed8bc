/** A host, a process and a container for tests of the sPAPR model: calls are decided and folded at once. */
import { UserMemory } from "../../profile/user-memory.ts";
import type { SpaprCommand } from "../commands.ts";
import { decideSpapr, type SpaprOutputs } from "../decide.ts";
import type { SpaprEnvironment } from "../environment.ts";
import { applySpapr } from "../evolve.ts";
import type { SpaprOutcome } from "../outcome.ts";
import { type Machine, peTraits, platformOf } from "../platform.ts";
import { SpaprState } from "../state.ts";

export const BUFFER = 1n << 44n;
const BUFFER_BYTES = 0x400_0000n;

export interface HostOptions {
  readonly machine?: Machine;
  readonly release?: string;
  readonly pageBytes?: number;
  /** Class of the PHB of the first group. */
  readonly phb?: number;
  /** VFIO_SPAPR_TCE_IOMMU is 1. */
  readonly version?: 1 | 2;
}

/** Of one container with one group, and the driver set. */
export class TestHost {
  readonly state = new SpaprState();
  environment: SpaprEnvironment;

  constructor({ machine = "pseries", release = "6.12", pageBytes = 0x1_0000, phb = 2, version = 2 }: HostOptions = {}) {
    this.environment = {
      platform: platformOf(machine, release, pageBytes),
      peOf: (number) => peTraits(machine, number),
      memory: UserMemory.of(BUFFER, BUFFER_BYTES),
      hugePages: { first: BUFFER + BUFFER_BYTES / 2n, last: BUFFER + BUFFER_BYTES - 1n, pageShift: 21 },
      memlockBytes: null,
      canLockMemory: true,
    };
    this.call({ command: "OpenContainer" });
    this.call({ command: "OpenGroup", pe: phb });
    this.call({ command: "SetContainer", group: 0, container: 0 });
    this.call({ command: "SetIommu", container: 0, iommuType: version === 1 ? 2 : 7 });
  }

  call<Name extends SpaprCommand["command"]>(
    command: Extract<SpaprCommand, { readonly command: Name }>,
  ): SpaprOutcome<SpaprOutputs[Name]> {
    const outcome = decideSpapr<Name>(this.state, command, this.environment);
    for (const event of outcome.events) applySpapr(this.state, event, this.environment.platform.pageShift);
    return outcome;
  }

  register(offset: bigint, size: bigint) {
    return this.call({ command: "RegisterMemory", container: 0, userVa: BUFFER + offset, size, flags: 0 });
  }

  unregister(offset: bigint, size: bigint) {
    return this.call({ command: "UnregisterMemory", container: 0, userVa: BUFFER + offset, size, flags: 0 });
  }

  create(pageShift: number, size: bigint, levels = 1) {
    return this.call({ command: "CreateWindow", container: 0, pageShift, size, levels, flags: 0 });
  }

  remove(start: bigint) {
    return this.call({ command: "RemoveWindow", container: 0, start, flags: 0 });
  }

  map(iova: bigint, offset: bigint, size: bigint, flags = 3) {
    return this.call({ command: "MapDma", container: 0, iova, userVa: BUFFER + offset, size, flags });
  }

  unmap(iova: bigint, size: bigint) {
    return this.call({ command: "UnmapDma", container: 0, iova, size, flags: 0 });
  }
}
