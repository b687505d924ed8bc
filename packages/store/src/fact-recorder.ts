/**
 * Writes what a decoder saw into the journal.
 *
 * Facts become events: kernel ids become handles, the drift between fact and model is noted, and
 * rows gather in one batch per context until `flush` makes them durable together with a mark that
 * says how far into the file they reach. An import that was interrupted is resumed by decoding
 * the file again and skipping the facts that a context already has.
 */
import { eventProblem } from "@ioasis/codec";
import {
  applyBatch,
  type ContextState,
  driftOf,
  EventBatch,
  type Fact,
  type IoasEvent,
  type ProfileName,
  ContextState as State,
} from "@ioasis/core";
import { checkTakesRecordings } from "./import-target.ts";
import type { FinishedImport, Journal, Point } from "./journal.ts";
import { partialUnmap } from "./partial-unmap.ts";
import { resolve } from "./resolve.ts";

const BATCH_ROWS = 16_384;
/** Rows of one context at which the importer should call `flush`. */
export const FLUSH_ROWS = 8_192;

export interface DriftReport {
  readonly context: string;
  readonly version: number;
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly expected: string;
  readonly observed: string;
}

export interface RecorderOptions {
  readonly id: string;
  readonly file: string;
  readonly format: string;
  /** The context's name for a decoder's key, the `ordinal`th (from 1) of the file; asked once a key. */
  readonly nameOf: (key: string, ordinal: number) => string;
  /** Facts per key that the journal already has of this file. */
  readonly known: (key: string) => number;
  /** The file names spaces by handle already (it is a history's own log), not by kernel id. */
  readonly refsAreHandles: boolean;
  readonly onDrift: (drift: DriftReport) => void;
  /** A fact that no journal can hold (a broken line that was read all the same). */
  readonly onProblem: (line: number, reason: string) => void;
}

interface Target {
  readonly key: string;
  readonly name: string;
  readonly profile: ProfileName;
  isNew: boolean;
  readonly epoch: number;
  readonly state: ContextState;
  batch: EventBatch;
  /** Batches that filled up before the next flush, each with the facts that it ends after. */
  full: { readonly batch: EventBatch; readonly facts: number }[];
  /** Facts seen of this key, known ones included. */
  facts: number;
}

export class FactRecorder {
  /** Events that were not in the journal before. */
  events = 0;
  /** Facts that were. */
  knownFacts = 0;
  readonly #journal: Journal;
  readonly #options: RecorderOptions;
  readonly #targets = new Map<string, Target>();
  readonly #seen = new Map<string, number>();
  #pending = 0;

  constructor(journal: Journal, options: RecorderOptions) {
    this.#journal = journal;
    this.#options = options;
  }

  /** Whether so many rows wait that the caller should flush before feeding more. */
  get wantsFlush(): boolean {
    return this.#pending >= FLUSH_ROWS;
  }

  /** @throws IoasisError ERR_CONTEXT_EXISTS: its context takes commands, and so no recordings */
  fact(fact: Fact): void {
    const seen = (this.#seen.get(fact.context) ?? 0) + 1;
    this.#seen.set(fact.context, seen);
    if (seen <= this.#options.known(fact.context)) {
      this.knownFacts++;
      return;
    }
    const target = this.#targets.get(fact.context) ?? this.#open(fact);
    target.facts = seen;
    const events = this.#options.refsAreHandles
      ? [fact.event as IoasEvent]
      : resolve(target.state, fact.event, fact.errno);
    for (const [index, event] of events.entries()) {
      const part = partialUnmap(target.state, event, fact);
      if (part !== null) this.#push(target, part, impliedBy(fact));
      this.#push(target, event, index === events.length - 1 ? fact : impliedBy(fact));
    }
  }

  #push(target: Target, event: IoasEvent, fact: Fact): void {
    if (target.batch.isFull) {
      target.full.push({ batch: target.batch, facts: target.facts - 1 });
      target.batch = new EventBatch(target.epoch, target.batch.lastVersion + 1, BATCH_ROWS);
    }
    const problem = eventProblem(event, fact.stamp);
    if (problem !== null) {
      this.#options.onProblem(fact.line, `${event.type} cannot be stored: ${problem}`);
      return;
    }
    const drift = fact.drift ?? driftOf(target.state, event, fact.errno, fact.profile);
    const { batch } = target;
    batch.push(event, fact);
    const row = batch.length - 1;
    applyBatch(target.state, batch, row, row + 1);
    this.#pending++;
    this.events++;
    if (drift === null) return;
    const { rule, expected, observed } = drift;
    const { file, onDrift } = this.#options;
    onDrift({ context: target.name, version: batch.lastVersion, file, line: fact.line, rule, expected, observed });
  }

  #open(fact: Fact): Target {
    const name = this.#options.nameOf(fact.context, [...this.#seen.keys()].indexOf(fact.context) + 1);
    const info = this.#journal.context(name);
    const { known, file } = this.#options;
    if (info !== null) checkTakesRecordings(this.#journal, info, known(fact.context), file);
    const epoch = info?.epochs.at(-1)?.epoch ?? 1;
    const state = info === null ? new State() : this.#journal.state(name);
    const target: Target = {
      key: fact.context,
      name,
      profile: info?.profile ?? profileOf(fact),
      isNew: info === null,
      epoch,
      state,
      batch: new EventBatch(epoch, state.version + 1, BATCH_ROWS),
      full: [],
      facts: 0,
    };
    this.#targets.set(fact.context, target);
    return target;
  }

  /**
   * Makes everything so far durable. `offset`, `sha256`: bytes of the content up to the end of the
   * last line that was fed, and their hash.
   * @throws IoasisError as `Journal.append`
   */
  async flush(offset: number, sha256: string): Promise<ReadonlyMap<string, Point>> {
    const points = new Map<string, Point>();
    const { id, file, format } = this.#options;
    for (const target of this.#targets.values()) {
      const batches = [...target.full, { batch: target.batch, facts: target.facts }].filter(
        ({ batch }) => batch.length > 0,
      );
      if (batches.length === 0) continue;
      if (target.isNew) {
        if (this.#journal.context(target.name) === null) await this.#journal.create(target.name, target.profile);
        target.isNew = false;
      }
      for (const { batch, facts } of batches) {
        const mark = { id, key: target.key, file, format, offset, sha256, facts };
        points.set(target.name, await this.#journal.append(target.name, batch, { mark }));
      }
      target.full = [];
      target.batch = new EventBatch(target.epoch, target.batch.lastVersion + 1, BATCH_ROWS);
    }
    this.#pending = 0;
    return points;
  }

  /** The file went through to its end, which alone settled some facts: flushes and records that. */
  async finish(offset: number, sha256: string, settled: FinishedImport["settled"] = {}): Promise<void> {
    await this.flush(offset, sha256);
    const { id, file, format } = this.#options;
    const isRecorded = this.#journal.imports().some((one) => one.id === id && one.offset === offset);
    if (!isRecorded) await this.#journal.recordImport({ id, file, format, offset, sha256, settled });
  }
}

/** The log of a context that takes commands tells its profile itself. */
function profileOf({ event, profile }: Fact): ProfileName {
  return event.type === "ContextCreated" ? event.profile : profile;
}

/** What a fact implies (a space was there, areas went before the refusal) succeeded: the errno is the call's alone. */
function impliedBy({ drift: _, ...fact }: Fact): Fact {
  return { ...fact, errno: null };
}
