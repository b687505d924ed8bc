/** Saved models of the contexts that take commands: which of them can be believed, and new ones. */
import { decodeModel } from "@ioasis/codec";
import { IoasisError, type SavedModel } from "@ioasis/core";
import type { ContextLog } from "./context-log.ts";
import { FRAME_MODEL } from "./frame.ts";
import type { Kept } from "./kept.ts";
import type { KeptKind } from "./kept-files.ts";
import type { Replay } from "./replay.ts";

export const MODEL_FILES: KeptKind = {
  ending: "model",
  frame: FRAME_MODEL,
  words: "the saved model",
  // One of another format is not damaged.
  isGood: () => true,
};

export class ModelKeeper {
  readonly #kept: Kept;
  readonly #replay: Replay;
  readonly #saving = new Set<Promise<void>>();

  constructor(kept: Kept, replay: Replay) {
    this.#kept = kept;
    this.#replay = replay;
  }

  /** Those of this history, newest first. A damaged one, one of another format or of another history is passed over. */
  *usable(context: ContextLog): Generator<SavedModel> {
    const end = context.damagedFrom ?? context.version + 1;
    for (const version of this.#kept.versions(context.id).toReversed()) {
      if (version >= end) continue;
      const model = this.#load(context, version);
      if (model !== null) yield model;
    }
  }

  save(context: ContextLog, version: number, bytes: Uint8Array): Promise<void> {
    const saving = this.#kept.save(context.id, version, bytes).finally(() => this.#saving.delete(saving));
    this.#saving.add(saving);
    return saving;
  }

  /** Resolves when none is being written. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#saving);
  }

  #load(context: ContextLog, version: number): SavedModel | null {
    const bytes = this.#kept.read(context.id, version);
    if (bytes === null) return null;
    try {
      const { contextId, digest, model } = decodeModel(bytes);
      // A block ended at the version of which it was made: its header tells the digest.
      const header = this.#replay.blockAt(context, version)?.header;
      const isOfHistory =
        contextId === context.id &&
        model.state.version === version &&
        header !== undefined &&
        header.firstVersion + header.count - 1 === version &&
        header.digest === digest;
      return isOfHistory ? model : null;
    } catch (error) {
      if (error instanceof IoasisError) return null;
      throw error;
    }
  }
}
