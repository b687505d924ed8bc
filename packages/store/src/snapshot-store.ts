/** The port for snapshots: disposable copies of a state, so that replay need not begin at zero. */
import { decodeSnapshot, type Snapshot } from "@ioasis/codec";
import { sha256 } from "./frame.ts";
import { SNAPSHOTS_KEPT_MAX } from "./limits.ts";

export interface SnapshotStore {
  /** Versions of which a snapshot of the context was saved, ascending. */
  versions(contextId: string): readonly number[];
  /** Null when it is gone or damaged. */
  load(contextId: string, version: number): Snapshot | null;
  /** Saves `encodeSnapshot` bytes and drops the oldest beyond SNAPSHOTS_KEPT_MAX. @throws IoasisError ERR_DISK */
  save(contextId: string, version: number, bytes: Uint8Array): Promise<void>;
}

export class MemorySnapshots implements SnapshotStore {
  readonly #saved = new Map<string, Map<number, Uint8Array>>();

  versions(contextId: string): readonly number[] {
    return [...(this.#saved.get(contextId)?.keys() ?? [])].sort((a, b) => a - b);
  }

  load(contextId: string, version: number): Snapshot | null {
    const bytes = this.#saved.get(contextId)?.get(version);
    return bytes === undefined ? null : decodeSnapshot(bytes, sha256);
  }

  async save(contextId: string, version: number, bytes: Uint8Array): Promise<void> {
    const saved = this.#saved.get(contextId) ?? new Map<number, Uint8Array>();
    this.#saved.set(contextId, saved.set(version, bytes));
    for (const old of this.versions(contextId).slice(0, -SNAPSHOTS_KEPT_MAX)) saved.delete(old);
  }
}
