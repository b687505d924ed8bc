/** The catalog's checkpoint as a file, `catalog.checkpoint`, one frame. May be deleted at any time. */
import type { Catalog } from "./catalog.ts";
import { type CatalogRecord, catalogOf, decodeCatalog, encodeCatalog } from "./catalog-record.ts";
import type { CheckpointStore } from "./checkpoint-keeper.ts";
import { type Disk, replaceFile } from "./disk.ts";
import { diskFailure } from "./disk-failure.ts";
import { draft, encodeHead, FRAME_CATALOG } from "./frame.ts";
import type { Damage, ReplicaId } from "./journal.ts";
import { scan } from "./scan.ts";
import type { SegmentLog } from "./segment-log.ts";

export const CHECKPOINT_FILE = "catalog.checkpoint";

export class CheckpointFile implements CheckpointStore {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #replica: ReplicaId;
  readonly #log: SegmentLog;

  constructor(disk: Disk, directory: string, replica: ReplicaId, log: SegmentLog) {
    this.#disk = disk;
    this.#directory = directory;
    this.#replica = replica;
    this.#log = log;
  }

  /** Null when there is none that can be used: it is gone, damaged, or another journal's. */
  load(): CatalogRecord | null {
    try {
      const bytes = this.#disk.readWhole(this.#path);
      const payload = bytes === null ? null : payloadOf(bytes);
      const record = payload === null ? null : decodeCatalog(payload);
      return record?.replica === this.#replica ? record : null;
    } catch {
      // Unreadable is as good as absent: there are the frames.
      return null;
    }
  }

  async save(catalog: Catalog): Promise<number> {
    const { last } = catalog;
    const sizes = this.#log.sizes((last?.segment ?? 1) - 1);
    if (last === null || sizes.includes(null)) return 0;
    const payload = encodeCatalog(catalog, { replica: this.#replica, sizes, last });
    try {
      const head = encodeHead(draft(FRAME_CATALOG, 0, 1, payload), 0);
      await replaceFile(this.#disk, this.#directory, CHECKPOINT_FILE, [head, payload]);
    } catch (error) {
      throw diskFailure(this.#disk, this.#path, "write", error);
    }
    return payload.length;
  }

  /** The catalog up to the checkpoint, or null when the segments are not those that it was made of. */
  fitted(record: CatalogRecord): Catalog | null {
    const { sizes, last } = record;
    const found = this.#log.sizes(last.segment);
    if (found.includes(null) || sizes.some((size, index) => size !== found[index])) return null;
    return this.#log.read(last)?.hash === last.hash ? catalogOf(record) : null;
  }

  remove(): void {
    this.#disk.remove(this.#path);
  }

  damage(): Damage[] {
    const bytes = this.#disk.readWhole(this.#path);
    if (bytes === null || payloadOf(bytes) !== null) return [];
    const what = "the checkpoint of the catalog is damaged; it is not used, and may be deleted";
    return [{ file: CHECKPOINT_FILE, offset: 0, version: null, context: null, what }];
  }

  get #path(): string {
    return `${this.#directory}/${CHECKPOINT_FILE}`;
  }
}

function payloadOf(bytes: Uint8Array): Uint8Array | null {
  const [frame, ...more] = scan(bytes);
  return frame?.isIntact === true && frame.head.type === FRAME_CATALOG && more.length === 0 ? frame.payload : null;
}
