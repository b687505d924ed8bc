/** The newest state's digest of one context, computed once a version. */
import { spaceDigest } from "@ioasis/codec";
import type { Journal } from "@ioasis/store";

export class SpaceDigests {
  readonly #journal: Journal;
  readonly #context: string;
  #version = -1;
  #digest = "";

  constructor(journal: Journal, context: string) {
    this.#journal = journal;
    this.#context = context;
  }

  /** Digest of the state at `version`; costs nothing when it was the last one asked for. */
  at(version: number): string {
    if (version === this.#version) return this.#digest;
    const isHead = this.#journal.context(this.#context)?.head.version === version;
    const state = isHead ? this.#journal.live(this.#context) : this.#journal.state(this.#context, version);
    this.#digest = spaceDigest(state);
    this.#version = version;
    return this.#digest;
  }
}
