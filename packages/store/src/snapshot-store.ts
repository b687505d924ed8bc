/** Snapshots: disposable copies of a state, so that replay need not begin at zero. */
import { decodeSnapshot, type Snapshot } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import { FRAME_SNAPSHOT } from "./frame.ts";
import type { Kept } from "./kept.ts";
import type { KeptKind } from "./kept-files.ts";

export const SNAPSHOT_FILES: KeptKind = {
  ending: "snap",
  frame: FRAME_SNAPSHOT,
  words: "the snapshot",
  isGood: (payload, contextId, version) => snapshotOf(payload, contextId, version) !== null,
};

export class SnapshotStore {
  readonly #kept: Kept;

  constructor(kept: Kept) {
    this.#kept = kept;
  }

  /** Versions of which a snapshot of the context was saved, ascending. */
  versions(contextId: string): readonly number[] {
    return this.#kept.versions(contextId);
  }

  /** Null when it is gone or damaged. */
  load(contextId: string, version: number): Snapshot | null {
    const payload = this.#kept.read(contextId, version);
    return payload === null ? null : snapshotOf(payload, contextId, version);
  }

  /** Saves `encodeSnapshot` bytes and drops the oldest beyond SNAPSHOTS_KEPT_MAX. @throws IoasisError ERR_DISK */
  save(contextId: string, version: number, bytes: Uint8Array): Promise<void> {
    return this.#kept.save(contextId, version, bytes);
  }
}

function snapshotOf(payload: Uint8Array, contextId: string, version: number): Snapshot | null {
  try {
    const snapshot = decodeSnapshot(payload);
    return snapshot.contextId === contextId && snapshot.state.version === version ? snapshot : null;
  } catch (error) {
    if (error instanceof IoasisError) return null;
    throw error;
  }
}
