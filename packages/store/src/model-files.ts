/** Saved models of contexts as files, `snapshots/CONTEXT-VERSION.model`, each one frame. */
import { assert } from "@ioasis/core";
import { type Disk, replaceFile } from "./disk.ts";
import { diskFailure } from "./disk-failure.ts";
import { draft, encodeHead, FRAME_MODEL } from "./frame.ts";
import type { Damage } from "./journal.ts";
import type { Kept } from "./kept.ts";
import { SNAPSHOTS_KEPT_MAX } from "./limits.ts";
import { scan } from "./scan.ts";

const FOLDER = "snapshots";
const NAME = /^([0-9a-f]+)-(\d{1,16})\.model$/;

export class ModelFiles implements Kept {
  readonly #disk: Disk;
  readonly #directory: string;
  /** Versions by context, ascending: as found, then as saved. */
  readonly #versions = new Map<string, number[]>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = `${directory}/${FOLDER}`;
    for (const name of disk.list(this.#directory) ?? []) {
      const [, contextId, version] = NAME.exec(name) ?? [];
      if (contextId !== undefined)
        this.#versions.set(contextId, ascending([...this.versions(contextId), Number(version)]));
    }
  }

  versions(contextId: string): readonly number[] {
    return this.#versions.get(contextId) ?? [];
  }

  read(contextId: string, version: number): Uint8Array | null {
    try {
      const bytes = this.#disk.readWhole(this.#path(contextId, version));
      return bytes === null ? null : payloadOf(bytes);
    } catch {
      // Unreadable is as good as absent: there is an older one, or the blocks.
      return null;
    }
  }

  async save(contextId: string, version: number, bytes: Uint8Array): Promise<void> {
    assert(/^[0-9a-f]+$/.test(contextId), "the id of a context is hex digits");
    const head = encodeHead(draft(FRAME_MODEL, 0, 1, bytes), 0);
    try {
      this.#disk.makeDirectory(this.#directory);
      await replaceFile(this.#disk, this.#directory, nameOf(contextId, version), [head, bytes]);
    } catch (error) {
      throw diskFailure(this.#disk, this.#path(contextId, version), "write the saved model", error);
    }
    const versions = ascending([...this.versions(contextId), version]);
    for (const old of versions.slice(0, -SNAPSHOTS_KEPT_MAX)) this.#disk.remove(this.#path(contextId, old));
    this.#versions.set(contextId, versions.slice(-SNAPSHOTS_KEPT_MAX));
  }

  /** Files whose bytes are not what they were. */
  damage(): Damage[] {
    const what = "the saved model is damaged; it is not used, and may be deleted";
    return [...this.#versions].flatMap(([contextId, versions]) =>
      versions.flatMap((version) => {
        const bytes = this.#disk.readWhole(this.#path(contextId, version));
        if (bytes === null || payloadOf(bytes) !== null) return [];
        return { file: `${FOLDER}/${nameOf(contextId, version)}`, offset: 0, version: null, context: null, what };
      }),
    );
  }

  #path(contextId: string, version: number): string {
    return `${this.#directory}/${nameOf(contextId, version)}`;
  }
}

function ascending(versions: readonly number[]): number[] {
  return [...new Set(versions)].sort((a, b) => a - b);
}

function nameOf(contextId: string, version: number): string {
  return `${contextId}-${version}.model`;
}

function payloadOf(bytes: Uint8Array): Uint8Array | null {
  const [frame, ...more] = scan(bytes);
  return frame?.isIntact === true && frame.head.type === FRAME_MODEL && more.length === 0 ? frame.payload : null;
}
