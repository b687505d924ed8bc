/** What is kept of contexts as files, `snapshots/CONTEXT-VERSION.ENDING`, each one frame. */
import { assert } from "@ioasis/core";
import { type Disk, replaceFile } from "./disk.ts";
import { diskFailure } from "./disk-failure.ts";
import { draft, encodeHead } from "./frame.ts";
import type { Damage } from "./journal.ts";
import type { Kept } from "./kept.ts";
import { SNAPSHOTS_KEPT_MAX } from "./limits.ts";
import { scan } from "./scan.ts";

const FOLDER = "snapshots";

export interface KeptKind {
  readonly ending: string;
  /** Type of the only frame of a file. */
  readonly frame: number;
  /** For messages: `the snapshot`. */
  readonly words: string;
  /** Whether a payload is what it should be, where its hash alone does not say so. */
  readonly isGood: (payload: Uint8Array, contextId: string, version: number) => boolean;
}

export class KeptFiles implements Kept {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #kind: KeptKind;
  /** Versions by context, ascending: as found, then as saved. */
  readonly #versions = new Map<string, number[]>();

  constructor(disk: Disk, directory: string, kind: KeptKind) {
    this.#disk = disk;
    this.#directory = `${directory}/${FOLDER}`;
    this.#kind = kind;
    const named = new RegExp(`^([0-9a-f]+)-(\\d{1,16})\\.${kind.ending}$`);
    for (const name of disk.list(this.#directory) ?? []) {
      const [, contextId, version] = named.exec(name) ?? [];
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
      return bytes === null ? null : this.#payloadOf(bytes);
    } catch {
      // Unreadable is as good as absent: there is an older one, or the blocks.
      return null;
    }
  }

  async save(contextId: string, version: number, bytes: Uint8Array): Promise<void> {
    assert(/^[0-9a-f]+$/.test(contextId), "the id of a context is hex digits");
    const head = encodeHead(draft(this.#kind.frame, 0, 1, bytes), 0);
    try {
      this.#disk.makeDirectory(this.#directory);
      await replaceFile(this.#disk, this.#directory, this.#nameOf(contextId, version), [head, bytes]);
    } catch (error) {
      throw diskFailure(this.#disk, this.#path(contextId, version), `write ${this.#kind.words}`, error);
    }
    const versions = ascending([...this.versions(contextId), version]);
    for (const old of versions.slice(0, -SNAPSHOTS_KEPT_MAX)) this.#disk.remove(this.#path(contextId, old));
    this.#versions.set(contextId, versions.slice(-SNAPSHOTS_KEPT_MAX));
  }

  /** Files whose bytes are not what they were. */
  damage(): Damage[] {
    const { words, isGood } = this.#kind;
    const what = `${words} is damaged; it is not used, and may be deleted`;
    return [...this.#versions].flatMap(([contextId, versions]) =>
      versions.flatMap((version) => {
        const bytes = this.#disk.readWhole(this.#path(contextId, version));
        const payload = bytes === null ? null : this.#payloadOf(bytes);
        if (bytes === null || (payload !== null && isGood(payload, contextId, version))) return [];
        const file = `${FOLDER}/${this.#nameOf(contextId, version)}`;
        return { file, offset: 0, version: null, context: null, what };
      }),
    );
  }

  #payloadOf(bytes: Uint8Array): Uint8Array | null {
    const [frame, ...more] = scan(bytes);
    return frame?.isIntact === true && frame.head.type === this.#kind.frame && more.length === 0 ? frame.payload : null;
  }

  #path(contextId: string, version: number): string {
    return `${this.#directory}/${this.#nameOf(contextId, version)}`;
  }

  #nameOf(contextId: string, version: number): string {
    return `${contextId}-${version}.${this.#kind.ending}`;
  }
}

function ascending(versions: readonly number[]): number[] {
  return [...new Set(versions)].sort((a, b) => a - b);
}
