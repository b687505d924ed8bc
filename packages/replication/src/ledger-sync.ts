/** The conversation about one ledger with one peer: Automerge's sync protocol, document by document. */
import { blockHash } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
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
  /** SHA-256 of the bytes: Automerge takes some damage for news that is still to come, and waits. */
  readonly hash: string;
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
      if (bytes !== null) news.push({ document: name, bytes, hash: blockHash(bytes) });
    }
    return news;
  }

  /** Takes what the peer said; `news` has the answer. @throws as `Ledger.receive` */
  receive({ document, bytes, hash }: LedgerNews): void {
    if (blockHash(bytes) !== hash)
      throw new IoasisError("ERR_PROTOCOL", `a ledger message for ${document} was damaged on its way`, { document });
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
