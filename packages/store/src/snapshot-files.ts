/** Snapshots as files, `snapshots/CONTEXT-VERSION.snap`, each one frame. */
import { decodeSnapshot, type Snapshot } from "@ioasis/codec";
import { assert, IoasisError } from "@ioasis/core";
import { type Disk, replaceFile } from "./disk.ts";
import { diskFailure } from "./disk-failure.ts";
import { draft, encodeHead, FRAME_SNAPSHOT } from "./frame.ts";
import type { Damage } from "./journal.ts";
import { SNAPSHOTS_KEPT_MAX } from "./limits.ts";
import { scan } from "./scan.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

const FOLDER = "snapshots";
const NAME = /^([0-9a-f]+)-(\d{1,16})\.snap$/;

export class SnapshotFiles implements SnapshotStore {
  readonly #disk: Disk;
  readonly #directory: string;
  /** Versions by context, ascending: as found, then as saved. */
  readonly #versions = new Map<string, number[]>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = `${directory}/${FOLDER}`;
    for (const name of disk.list(this.#directory) ?? []) {
      const [, contextId, version] = NAME.exec(name) ?? [];
      if (contextId === undefined) continue;
      this.#versions.set(
        contextId,
        [...this.versions(contextId), Number(version)].sort((a, b) => a - b),
      );
    }
  }

  versions(contextId: string): readonly number[] {
    return this.#versions.get(contextId) ?? [];
  }

  load(contextId: string, version: number): Snapshot | null {
    try {
      const bytes = this.#disk.readWhole(this.#path(contextId, version));
      return bytes === null ? null : parse(bytes, contextId, version);
    } catch {
      // Unreadable is as good as absent: there is an older one, or the blocks.
      return null;
    }
  }

  async save(contextId: string, version: number, bytes: Uint8Array): Promise<void> {
    assert(/^[0-9a-f]+$/.test(contextId), "the id of a context is hex digits");
    const path = this.#path(contextId, version);
    try {
      this.#disk.makeDirectory(this.#directory);
      const head = encodeHead(draft(FRAME_SNAPSHOT, 0, 1, bytes), 0);
      await replaceFile(this.#disk, this.#directory, nameOf(contextId, version), [head, bytes]);
    } catch (error) {
      throw diskFailure(this.#disk, path, "write the snapshot", error);
    }
    const versions = [...new Set([...this.versions(contextId), version])].sort((a, b) => a - b);
    for (const old of versions.slice(0, -SNAPSHOTS_KEPT_MAX)) this.#disk.remove(this.#path(contextId, old));
    this.#versions.set(contextId, versions.slice(-SNAPSHOTS_KEPT_MAX));
  }

  /** Snapshot files whose bytes are not what they were. */
  damage(): Damage[] {
    const damage: Damage[] = [];
    for (const [contextId, versions] of this.#versions)
      for (const version of versions) {
        const bytes = this.#disk.readWhole(this.#path(contextId, version));
        if (bytes === null || parse(bytes, contextId, version) !== null) continue;
        const file = `${FOLDER}/${nameOf(contextId, version)}`;
        const what = "the snapshot is damaged; it is not used, and may be deleted";
        damage.push({ file, offset: 0, version: null, context: null, what });
      }
    return damage;
  }

  #path(contextId: string, version: number): string {
    return `${this.#directory}/${nameOf(contextId, version)}`;
  }
}

function nameOf(contextId: string, version: number): string {
  return `${contextId}-${version}.snap`;
}

function parse(bytes: Uint8Array, contextId: string, version: number): Snapshot | null {
  const [frame, ...more] = scan(bytes);
  if (frame?.isIntact !== true || frame.head.type !== FRAME_SNAPSHOT || more.length > 0) return null;
  try {
    const snapshot = decodeSnapshot(frame.payload);
    return snapshot.contextId === contextId && snapshot.state.version === version ? snapshot : null;
  } catch (error) {
    if (error instanceof IoasisError) return null;
    throw error;
  }
}
