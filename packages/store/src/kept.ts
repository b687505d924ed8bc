/** The port for what is kept of a context beside its log to make an opening short. Disposable. */
import { SNAPSHOTS_KEPT_MAX } from "./limits.ts";

export interface Kept {
  /** Versions at which something of the context was kept, ascending. */
  versions(contextId: string): readonly number[];
  /** Null when it is gone or damaged. */
  read(contextId: string, version: number): Uint8Array | null;
  /** Drops the oldest beyond SNAPSHOTS_KEPT_MAX. @throws IoasisError ERR_DISK */
  save(contextId: string, version: number, bytes: Uint8Array): Promise<void>;
}

export class MemoryKept implements Kept {
  readonly #kept = new Map<string, Map<number, Uint8Array>>();

  versions(contextId: string): readonly number[] {
    return [...(this.#kept.get(contextId)?.keys() ?? [])].sort((a, b) => a - b);
  }

  read(contextId: string, version: number): Uint8Array | null {
    return this.#kept.get(contextId)?.get(version) ?? null;
  }

  async save(contextId: string, version: number, bytes: Uint8Array): Promise<void> {
    const kept = this.#kept.get(contextId) ?? new Map<number, Uint8Array>();
    this.#kept.set(contextId, kept.set(version, bytes));
    for (const old of this.versions(contextId).slice(0, -SNAPSHOTS_KEPT_MAX)) kept.delete(old);
  }
}
