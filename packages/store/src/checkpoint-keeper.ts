/** Saves the catalog when the log behind its last checkpoint has grown so long that folding it would be felt. */
import type { Catalog } from "./catalog.ts";
import { CHECKPOINT_WORK } from "./limits.ts";

/** Where the checkpoint is: one, replaced as a whole, which may be lost at any time. */
export interface CheckpointStore {
  /** @returns its bytes. @throws IoasisError ERR_DISK */
  save(catalog: Catalog): Promise<number>;
  remove(): void;
}

export class CheckpointKeeper {
  readonly #catalog: Catalog;
  readonly #store: CheckpointStore;
  /** Work of the catalog that the newest checkpoint saves. */
  #saved = 0;
  readonly #work: number;
  /** Work behind it after which the next is due: never so often that checkpoints are more to write than the log. */
  #due: number;
  #saving: Promise<void> | null = null;

  /** `catalog`: as opening found it; its work is what was behind the checkpoint then. `work`: see CHECKPOINT_WORK. */
  constructor(catalog: Catalog, store: CheckpointStore, work = CHECKPOINT_WORK) {
    this.#catalog = catalog;
    this.#store = store;
    this.#work = work;
    this.#due = work;
  }

  /** To be called when frames became durable and the catalog has them. */
  afterDurable(): void {
    if (this.#saving === null && this.#behind >= this.#due) this.#saving = this.#save();
  }

  /** What a clean end adds, before its mark. */
  async finish(): Promise<void> {
    await this.#saving;
    if (this.#isDamaged && this.#catalog.damage.length === 0) {
      // Reading found what opening passed over: the next opening is to look at every frame, and to tell.
      this.#store.remove();
    } else if (this.#behind >= this.#work / 2) await this.#save();
  }

  get #behind(): number {
    return this.#catalog.work - this.#saved;
  }

  get #isDamaged(): boolean {
    const { damage, byNumber } = this.#catalog;
    return damage.length > 0 || [...byNumber.values()].some(({ damagedFrom }) => damagedFrom !== null);
  }

  async #save(): Promise<void> {
    this.#saved = this.#catalog.work;
    try {
      if (!this.#isDamaged) this.#due = Math.max(this.#work, 4 * (await this.#store.save(this.#catalog)));
    } catch {
      // The journal does without: the next opening folds more.
    } finally {
      this.#saving = null;
    }
  }
}
