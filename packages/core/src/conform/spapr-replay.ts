/** The model's side of a replay of an sPAPR TCE recording: its state, and the machine and process around it. */
import { IoasisError } from "../failure.ts";
import { UserMemory } from "../profile/user-memory.ts";
import type { HugePages, SpaprEnvironment } from "../spapr/environment.ts";
import type { SpaprEvent } from "../spapr/events.ts";
import { applySpapr } from "../spapr/evolve.ts";
import { MACHINES, type Machine, peTraits, platformOf } from "../spapr/platform.ts";
import { SpaprState } from "../spapr/state.ts";
import type { Fields } from "./fields.ts";
import { MEMLOCK_BYTES_DEFAULT } from "./recorder.ts";

/** `SpaprEnvironment` while a replay changes it. */
interface Surroundings extends SpaprEnvironment {
  memory: UserMemory;
  memlockBytes: bigint | null;
  canLockMemory: boolean;
}

export class SpaprReplay {
  readonly state = new SpaprState();
  readonly environment: Surroundings;
  /** First byte after the buffer that the process shows devices, and its first. */
  readonly bufferEnd: bigint;
  readonly bufferVa: bigint;
  /** A call whose charge nobody can tell was made: what is locked is known no more. */
  isChargeUnknown = false;
  /** A window was made whose size nobody can tell. */
  isWindowUnknown = false;

  /** @throws IoasisError ERR_INPUT: a machine, a kernel or a page size without a model */
  constructor(meta: Fields, kernel: string | undefined) {
    const machine = machineOf(meta);
    this.bufferVa = meta.u64("va_base");
    this.bufferEnd = this.bufferVa + meta.u64("buf_size");
    this.environment = {
      platform: platformOf(machine, kernel ?? meta.text("kernel"), meta.number("page_size")),
      peOf: (phb) => peTraits(machine, phb),
      memory: UserMemory.of(this.bufferVa, meta.u64("buf_size")),
      hugePages: this.#hugePages(meta),
      memlockBytes: MEMLOCK_BYTES_DEFAULT,
      canLockMemory: true,
    };
  }

  apply(events: readonly SpaprEvent[]): void {
    for (const event of events) applySpapr(this.state, event, this.environment.platform.pageShift);
  }

  #hugePages(meta: Fields): HugePages | null {
    const bytes = meta.has("hugetlb_size") ? meta.u64("hugetlb_size") : 0n;
    if (bytes === 0n) return null;
    const first = this.bufferVa + meta.u64("hugetlb_off");
    return { first, last: this.bufferEnd - 1n, pageShift: bytes.toString(2).length - 1 };
  }
}

function machineOf(meta: Fields): Machine {
  const name = meta.text("machine");
  const machine = MACHINES.find((known) => known === name);
  if (machine !== undefined) return machine;
  throw new IoasisError("ERR_INPUT", `no model of the machine "${name}": one of ${MACHINES.join(", ")} is expected`);
}
