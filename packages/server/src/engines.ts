/** The live contexts of a service: one engine each, shared by all conversations about it while there are any. */
import { Engine, type Journal } from "@ioasis/store";

interface Shared {
  readonly engine: Engine;
  users: number;
}

export class Engines {
  readonly #journal: Journal;
  readonly #shared = new Map<string, Shared>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Each `take` asks for one `give`. @throws IoasisError as `Engine.open` */
  take(name: string): Engine {
    let shared = this.#shared.get(name);
    // One whose append failed answers nothing any more; those who hold it are told by their next command.
    if (shared === undefined || shared.engine.failure !== null) {
      shared = { engine: Engine.open(this.#journal, name), users: 0 };
      this.#shared.set(name, shared);
    }
    shared.users++;
    return shared.engine;
  }

  /** Resolves when the journal needs nothing more of the engine. */
  async give(name: string, engine: Engine): Promise<void> {
    const shared = this.#shared.get(name);
    if (shared?.engine !== engine || --shared.users > 0) return;
    this.#shared.delete(name);
    await engine.close();
  }
}
