/** The conversation about one ledger with one peer: Automerge's sync protocol, document by document. */
import type { Ledger } from "./ledger.ts";
import { newSyncState, type SyncState } from "./ledger-document.ts";

interface Talk {
  state: SyncState;
  /** Revision of the document when it was last looked at; -1: look again. */
  revision: number;
}

export interface LedgerNews {
  readonly document: string;
  readonly bytes: Uint8Array;
}

export class LedgerSync {
  readonly #ledger: Ledger;
  readonly #talks = new Map<string, Talk>();
  #revision = -1;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** What the peer should hear now. Empty when nothing changed since the last call. */
  news(): readonly LedgerNews[] {
    if (this.#revision === this.#ledger.revision) return [];
    this.#revision = this.#ledger.revision;
    const news: LedgerNews[] = [];
    for (const [name, document] of this.#ledger.documents) {
      const talk = this.#talk(name);
      if (talk.revision === document.revision) continue;
      talk.revision = document.revision;
      const { state, bytes } = document.nextMessage(talk.state);
      talk.state = state;
      if (bytes !== null) news.push({ document: name, bytes });
    }
    return news;
  }

  /** Takes what the peer said; `news` has the answer. @throws as `Ledger.receive` */
  receive({ document, bytes }: LedgerNews): void {
    const talk = this.#talk(document);
    talk.state = this.#ledger.receive(document, talk.state, bytes);
    talk.revision = -1;
    this.#revision = -1;
  }

  #talk(name: string): Talk {
    const known = this.#talks.get(name);
    if (known !== undefined) return known;
    const talk = { state: newSyncState(), revision: -1 };
    this.#talks.set(name, talk);
    return talk;
  }
}
