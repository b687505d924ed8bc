/**
 * A journal as a member of replication: its ledgers, and who is writing into it from outside.
 * One per process and journal; it holds nothing that does not follow from the journal.
 */
import { IoasisError } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { Ledger } from "./ledger.ts";
import { systemTimers, type Timers } from "./timers.ts";

/** One connection's right to bring events of one context in. */
export interface Intake {
  readonly from: string;
  /** Ends it and resolves when nothing more comes of it. */
  stop(): Promise<void>;
}

export class Replica {
  readonly journal: Journal;
  readonly timers: Timers;
  /** Names this run of the process in acknowledgements. */
  readonly run = crypto.randomUUID();
  readonly #ledgers = new Map<string, Ledger>();
  readonly #intakes = new Map<string, Intake>();

  constructor(journal: Journal, timers: Timers = systemTimers) {
    this.journal = journal;
    this.timers = timers;
  }

  /** The context's ledger, up to date with the journal. */
  ledger(context: string): Ledger {
    const known = this.#ledgers.get(context);
    const ledger = known ?? new Ledger(context);
    this.#ledgers.set(context, ledger);
    ledger.advance(this.journal);
    return ledger;
  }

  /**
   * Only one connection at a time brings a context in. A new one of the same replica takes the
   * place of the old, which is then a leftover of a lost connection.
   * @throws IoasisError ERR_LOCKED when another replica is at it
   */
  async openIntake(context: string, intake: Intake): Promise<void> {
    const other = this.#intakes.get(context);
    if (other !== undefined && other.from !== intake.from) {
      const message = `context "${context}" is being received from ${other.from}. Try again when that has ended`;
      throw new IoasisError("ERR_LOCKED", message, { context, from: other.from });
    }
    this.#intakes.set(context, intake);
    await other?.stop();
  }

  closeIntake(context: string, intake: Intake): void {
    if (this.#intakes.get(context) === intake) this.#intakes.delete(context);
  }
}
