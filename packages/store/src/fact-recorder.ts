/**
 * Writes what a decoder saw into the journal.
 *
 * Facts become events: kernel ids become handles, the drift between fact and model is noted, and
 * rows gather in one batch per context until `flush` makes them durable together with a mark that
 * says how far into the file they reach. An import that was interrupted is resumed by decoding
 * the file again and skipping the facts that a context already has.
 */
import { eventProblem, rangeProblem } from "@ioasis/codec";
import {
  type Drift,
  driftOf,
  type EventType,
  type Fact,
  type IoasEvent,
  type ProfileName,
  type RangeFact,
  ContextState as State,
} from "@ioasis/core";
import { BATCH_ROWS, ImportContext, type Portion } from "./import-context.ts";
import { checkTakesRecordings } from "./import-target.ts";
import type { FinishedImport, Journal } from "./journal.ts";
import { partialUnmap } from "./partial-unmap.ts";
import { resolve } from "./resolve.ts";

/** Rows that wait at which the importer should call `flush`. */
export const FLUSH_ROWS = 8_192;
/** So many contexts of a file get room for a whole batch at once; later ones begin small. */
const ROOMY_CONTEXTS = 16;
const ROWS_OF_LATER_CONTEXTS = 64;
/** States of contexts kept at hand; those that had no facts for longest are found again in the journal. */
const CONTEXTS_AT_HAND_MAX = 1_024;

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

/** What a context is made from. */
type FirstFact = Pick<Fact, "profile"> & Partial<Pick<Fact, "event">>;

/** What is known of one key of the decoder. */
interface Stream {
  readonly key: string;
  /** From 1, in order of appearance. */
  readonly ordinal: number;
  /** Facts that the journal had before. */
  readonly known: number;
  /** Facts seen, known ones included. */
  facts: number;
  /** "" until it has a fact that the journal does not have. */
  name: string;
  /** Null: not at hand. */
  context: ImportContext | null;
}

export class FactRecorder {
  /** Events that were not in the journal before, and how many of them are durable. */
  events = 0;
  durableEvents = 0;
  /** Facts that were. */
  knownFacts = 0;
  readonly #journal: Journal;
  readonly #options: RecorderOptions;
  readonly #streams = new Map<string, Stream>();
  #latest: Stream | null = null;
  /** The one context whose newest ranges may not be in its state yet. */
  #unfolded: ImportContext | null = null;
  /** Streams whose context is at hand, the one that came last at the end. */
  readonly #atHand = new Set<Stream>();
  #pending = 0;
  #flushing: Promise<void> = Promise.resolve();

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
    const context = this.#contextOf(fact.context, fact);
    if (context === null) return;
    this.#fold();
    const events = this.#options.refsAreHandles
      ? [fact.event as IoasEvent]
      : resolve(context.state, fact.event, fact.errno);
    for (const [index, event] of events.entries()) {
      const part = partialUnmap(context.state, event, fact);
      if (part !== null) this.#push(context, part, impliedBy(fact));
      this.#push(context, event, index === events.length - 1 ? fact : impliedBy(fact));
    }
  }

  /** The same as `fact`, of what large recordings consist of: they are folded, and drift is told, many at a time. */
  range(range: RangeFact): void {
    const context = this.#contextOf(range.context, range);
    if (context === null) return;
    if (context !== this.#unfolded || context.isFull) this.#fold();
    const problem = rangeProblem(range);
    if (problem !== null) {
      this.#cannotBeStored(range.isMap ? "IovaMapped" : "IovaUnmapped", problem, range.line);
      return;
    }
    const { state } = context;
    context.pushRange(range, state.spaceOfKernelId(null)?.handle ?? state.spaces.length);
    this.#unfolded = context;
    this.#pending++;
    this.events++;
  }

  /** Brings the state of the context that had the last ranges up to them. */
  #fold(): void {
    const context = this.#unfolded;
    this.#unfolded = null;
    context?.fold((drift, batch, row) =>
      this.#tell(drift, context, batch.firstVersion + row, batch.line[row] as number),
    );
  }

  #push(context: ImportContext, event: IoasEvent, fact: Fact): void {
    const problem = eventProblem(event, fact.stamp);
    if (problem !== null) {
      this.#cannotBeStored(event.type, problem, fact.line);
      return;
    }
    const drift = fact.drift ?? driftOf(context.state, event, fact.errno, fact.profile);
    const version = context.push(event, fact);
    this.#pending++;
    this.events++;
    if (drift !== null) this.#tell(drift, context, version, fact.line);
  }

  #cannotBeStored(type: EventType, problem: string, line: number): void {
    this.#options.onProblem(line, `${type} cannot be stored: ${problem}`);
  }

  #tell({ rule, expected, observed }: Drift, { name }: ImportContext, version: number, line: number): void {
    const { file, onDrift } = this.#options;
    onDrift({ context: name, version, file, line, rule, expected, observed });
  }

  /** The context that takes the next fact of `key`; null: the journal has the fact already. */
  #contextOf(key: string, first: FirstFact): ImportContext | null {
    const stream = this.#latest?.key === key ? this.#latest : this.#streamOf(key);
    if (++stream.facts <= stream.known) {
      this.knownFacts++;
      return null;
    }
    const context = stream.context ?? this.#open(stream, first);
    context.facts = stream.facts;
    return context;
  }

  #streamOf(key: string): Stream {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      const ordinal = this.#streams.size + 1;
      stream = { key, ordinal, known: this.#options.known(key), facts: 0, name: "", context: null };
      this.#streams.set(key, stream);
    }
    if (this.#atHand.delete(stream)) this.#atHand.add(stream);
    this.#latest = stream;
    return stream;
  }

  #open(stream: Stream, first: FirstFact): ImportContext {
    const isFirst = stream.name === "";
    if (isFirst) stream.name = this.#options.nameOf(stream.key, stream.ordinal);
    const { key, name, known, ordinal } = stream;
    const info = this.#journal.context(name);
    if (isFirst && info !== null) checkTakesRecordings(this.#journal, info, known, this.#options.file);
    stream.context = new ImportContext({
      key,
      name,
      profile: info?.profile ?? profileOf(first),
      isNew: info === null,
      epoch: info?.epochs.at(-1)?.epoch ?? 1,
      state: info === null ? new State() : this.#journal.state(name),
      rows: ordinal <= ROOMY_CONTEXTS ? BATCH_ROWS : ROWS_OF_LATER_CONTEXTS,
    });
    this.#atHand.add(stream);
    return stream.context;
  }

  /**
   * Makes everything so far durable. `offset`, `sha256`: bytes of the content up to the end of the
   * last line that was fed, and their hash. Facts may be fed meanwhile; a further flush waits its turn.
   * @throws IoasisError as `Journal.append`
   */
  flush(offset: number, sha256: string): Promise<void> {
    this.#fold();
    // In the order in which the file first spoke of them, so that a journal lists them so.
    const waiting = [...this.#atHand]
      .sort((a, b) => a.ordinal - b.ordinal)
      .flatMap(({ context }) => (context === null || context.isIdle ? [] : { context, portions: context.take() }));
    const { events } = this;
    this.#pending = 0;
    this.#flushing = this.#flushing.then(async () => {
      // Appends that are made together share one write to the disk.
      await Promise.all(waiting.map(({ context }) => this.#create(context)));
      await Promise.all(
        waiting.flatMap(({ context, portions }) =>
          portions.map((portion) => this.#append(context, portion, offset, sha256)),
        ),
      );
      this.durableEvents = events;
      this.#putAway();
    });
    return this.#flushing;
  }

  async #create(context: ImportContext): Promise<void> {
    if (!context.isNew) return;
    context.isNew = false;
    if (this.#journal.context(context.name) === null) await this.#journal.create(context.name, context.profile);
  }

  async #append(
    { name, key }: ImportContext,
    { batch, facts, state }: Portion,
    offset: number,
    sha256: string,
  ): Promise<void> {
    const { id, file, format } = this.#options;
    const mark = { id, key, file, format, offset, sha256, facts };
    await this.#journal.append(name, batch, state === null ? { mark } : { mark, state });
  }

  /** Lets go of the states of contexts that the file has not spoken of for long. All they hold is durable. */
  #putAway(): void {
    for (const stream of this.#atHand) {
      if (this.#atHand.size <= CONTEXTS_AT_HAND_MAX) return;
      if (stream.context?.isIdle !== true) continue;
      stream.context = null;
      this.#atHand.delete(stream);
    }
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
function profileOf({ event, profile }: FirstFact): ProfileName {
  return event?.type === "ContextCreated" ? event.profile : profile;
}

/** What a fact implies (a space was there, areas went before the refusal) succeeded: the errno is the call's alone. */
function impliedBy({ drift: _, ...fact }: Fact): Fact {
  return { ...fact, errno: null };
}
