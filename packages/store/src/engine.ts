/**
 * Commands on one context: load, decide, append.
 *
 * Decisions go ahead of the disk: each is made against the newest state, and the journal brings what waits
 * into one fsync (group commit). An outcome is handed out only when its events, and all before them, are durable.
 * Now and then the model is saved beside the journal, so that the next engine need not fold the whole history.
 */
import { encodeModel, sealModel } from "@ioasis/codec";
import {
  type Actor,
  assert,
  type ContextCreated,
  EventBatch,
  firstEvents,
  type IoasEvent,
  IoasisError,
  type JsonObject,
  type Model,
  type ModelOutcome,
  modelOf,
  type Stamp,
} from "@ioasis/core";
import type { ContextInfo, Journal, Point } from "./journal.ts";
import { BATCH_ROWS_MAX, SNAPSHOT_BLOCK_WORK, SNAPSHOT_CLOSE_WORK, SNAPSHOT_WORK } from "./limits.ts";
import { type OpenedModel, openModel } from "./open-model.ts";

/** Rows of a batch that several commands share; one command alone may have more. */
const BATCH_ROWS = 1_024;

/** When, and who: given by the shell for each command. */
export interface Caller {
  readonly stamp: () => Stamp | null;
  readonly actor: Actor | null;
}

export const NOBODY: Caller = { stamp: () => null, actor: null };

/** `version`: of the context behind the command. */
export interface Executed {
  readonly version: number;
  readonly outcome: ModelOutcome;
}

/** What a command did, not yet in a batch: how large that one must be is known when it is handed over. */
interface Waiting {
  readonly outcome: ModelOutcome;
  readonly stamp: Stamp | null;
  readonly actor: Actor | null;
}

/**
 * Makes a context for commands and its first events; one that a crash left without is finished.
 * @throws IoasisError as `modelOf` and `Journal.create`
 */
export async function createContext(
  journal: Journal,
  name: string,
  created: ContextCreated,
  caller: Caller = NOBODY,
): Promise<ContextInfo> {
  modelOf(created);
  const unfinished = journal.context(name);
  const isUnfinished = unfinished?.head.version === 0 && unfinished.profile === created.profile;
  const info = isUnfinished ? unfinished : await journal.create(name, created.profile);
  const events = firstEvents(created);
  const batch = new EventBatch(info.epochs.at(-1)?.epoch ?? 1, 1, events.length);
  const stamp = caller.stamp();
  for (const event of events) batch.push(event, { stamp, actor: caller.actor, errno: null, line: 0 });
  await journal.append(name, batch);
  return journal.context(name) ?? info;
}

export class Engine {
  readonly #journal: Journal;
  readonly #context: string;
  readonly #contextId: string;
  readonly #epoch: number;
  readonly #caller: Caller;
  readonly model: Model;
  #waiting: Waiting[] = [];
  #waitingRows = 0;
  /** The version up to which the journal has been given everything. */
  #handedOver: number;
  /** Decided and not yet handed over to the journal. */
  #decided: Executed[] = [];
  #appends: Promise<Point>[] = [];
  /** Work of the next engine until it is here (see SNAPSHOT_WORK). */
  #unsaved: number;
  /** Everything up to here is durable, or failed. */
  #durable: Promise<unknown> = Promise.resolve();
  #failure: Error | null = null;

  private constructor(
    journal: Journal,
    { name, id, epochs }: ContextInfo,
    { model, work }: OpenedModel,
    caller: Caller,
  ) {
    this.#journal = journal;
    this.#context = name;
    this.#contextId = id;
    this.#epoch = epochs.at(-1)?.epoch ?? 1;
    this.#caller = caller;
    this.model = model;
    this.#handedOver = model.state.version;
    this.#unsaved = work;
  }

  /**
   * @throws IoasisError ERR_NO_CONTEXT, ERR_DAMAGED, ERR_INPUT (not made for commands), ERR_NOT_OWNER
   */
  static open(journal: Journal, name: string, caller: Caller = NOBODY): Engine {
    const opened = openModel(journal, name);
    const info = journal.context(name);
    assert(info !== null, "what was read is there");
    const epoch = info.epochs.at(-1);
    if (epoch === undefined || epoch.owner !== journal.replica || epoch.sealed !== null)
      throw new IoasisError(
        "ERR_NOT_OWNER",
        `context "${name}" is not owned here: epoch ${epoch?.epoch} is ${epoch?.owner}'s${epoch?.sealed === null ? "" : ", and sealed"}. Send commands to its owner`,
        { context: name, epoch: epoch?.epoch ?? 0, owner: epoch?.owner ?? "" },
      );
    return new Engine(journal, info, opened, caller);
  }

  /** What ended its life: an append that failed. Open another. */
  get failure(): Error | null {
    return this.#failure;
  }

  /**
   * Decides a command. Its outcome comes from the next `commit`. `caller`: whose it is, where several share the engine.
   * @throws JsonError: no command; IoasisError ERR_INPUT: it needs what no host told. Nothing has changed then.
   */
  submit(json: JsonObject, caller: Caller = this.#caller): void {
    if (this.#failure !== null) throw this.#failure;
    const outcome = this.model.execute(this.model.commandOf(json));
    this.#record(outcome, caller);
    this.#decided.push({ version: this.model.state.version, outcome });
  }

  /** The outcomes of what was submitted since the last call, once they are durable. @throws IoasisError as `Journal.append` */
  async commit(): Promise<readonly Executed[]> {
    this.#handOver();
    const executed = this.#decided;
    this.#decided = [];
    const appends = [this.#durable, ...this.#appends.splice(0)];
    const durable = Promise.all(appends);
    this.#durable = durable;
    try {
      await durable;
      return executed;
    } catch (error) {
      // What was decided may not be so: nothing of the model is believed any more.
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
      throw this.#failure;
    }
  }

  /** Saves the model where much came since it was saved. Commands may go on. */
  async close(): Promise<void> {
    await this.#durable.catch(() => undefined);
    const head = this.#journal.context(this.#context)?.head;
    if (this.#failure !== null || this.#unsaved <= SNAPSHOT_CLOSE_WORK || head?.version !== this.model.state.version)
      return;
    await this.#saveBehind(Promise.resolve(head)).catch(() => undefined);
  }

  /** Several commands as one group. */
  execute(commands: readonly JsonObject[]): Promise<readonly Executed[]> {
    for (const command of commands) this.submit(command);
    return this.commit();
  }

  /** The events of one command go into one batch, whole. */
  #record(outcome: ModelOutcome, { stamp, actor }: Caller): void {
    const { length } = outcome.events;
    if (length === 0) return;
    if (length > BATCH_ROWS_MAX) {
      const message = `one command with ${length} events: at most ${BATCH_ROWS_MAX} are durable at once`;
      this.#failure = new IoasisError("ERR_LIMIT", message, { context: this.#context });
      throw this.#failure;
    }
    if (this.#waitingRows + length > BATCH_ROWS) this.#handOver();
    this.#waiting.push({ outcome, stamp: stamp(), actor });
    this.#waitingRows += length;
  }

  #handOver(): void {
    if (this.#waiting.length === 0) return;
    const append = this.#journal.append(this.#context, this.#batch());
    // It is awaited by `commit`; until then a failure is nobody's.
    append.catch(() => undefined);
    this.#appends.push(append);
    this.#waiting = [];
    this.#handedOver += this.#waitingRows;
    this.#unsaved += this.#waitingRows + SNAPSHOT_BLOCK_WORK;
    this.#waitingRows = 0;
    // The next engine does without where it fails: it then begins further back.
    if (this.#isSaveDue()) this.#saveBehind(append).catch(() => undefined);
  }

  /** By the same policy as snapshots; the model must be where the journal is. */
  #isSaveDue(): boolean {
    const { version, liveMappings } = this.model.state;
    return this.#handedOver === version && this.#unsaved >= SNAPSHOT_WORK && this.#unsaved >= liveMappings;
  }

  /** Saves the model once `append` is durable, with which the context is where the model is now. */
  async #saveBehind(append: Promise<Point>): Promise<void> {
    this.#unsaved = 0;
    const encoded = encodeModel(this.#contextId, this.model.save());
    const { version, digest } = await append;
    await this.#journal.saveModel(this.#context, version, sealModel(encoded, digest));
  }

  #batch(): EventBatch {
    const batch = new EventBatch(this.#epoch, this.#handedOver + 1, this.#waitingRows);
    for (const { outcome, stamp, actor } of this.#waiting)
      for (const event of outcome.events)
        batch.push(event, { stamp, actor, errno: isRefusal(event) ? outcome.errno : null, line: 0 });
    return batch;
  }
}

/** What a refused call did before it was refused succeeded: the errno is the refusal's alone. */
function isRefusal({ type }: IoasEvent): boolean {
  return type === "MapRefused" || type === "UnmapRefused" || type === "CallRefused";
}
