/**
 * A catalog as bytes, so that opening a long journal need not fold it from the first frame: what the frames up to
 * `last` add up to. Derived and disposable: whoever does not know its format folds the frames instead.
 */
import { pack, unpack } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import type { DirectoryBytes } from "./block-directory.ts";
import { Catalog, importKey } from "./catalog.ts";
import { type ContextBirth, ContextLog } from "./context-log.ts";
import type { LastFrame } from "./frame-log.ts";
import type { FinishedImport, ImportMark, ReplicaId } from "./journal.ts";

/** Another one is not read: the frames say the same. */
const FORMAT = 1;

interface ContextRecord extends ContextBirth {
  readonly version: number;
  readonly hash: string;
  readonly digest: string;
  readonly sequence: number;
  readonly marks: readonly ImportMark[];
  readonly blocks: DirectoryBytes;
}

export interface CatalogRecord {
  readonly format: number;
  readonly replica: ReplicaId;
  /** Bytes of the segments before that of the last frame. */
  readonly sizes: readonly (number | null)[];
  readonly last: LastFrame;
  readonly sequence: number;
  readonly numberMax: number;
  readonly isClosed: boolean;
  readonly imports: readonly FinishedImport[];
  readonly contexts: readonly ContextRecord[];
}

/** Of a catalog without damage whose newest frame is `last`. */
export function encodeCatalog(
  { sequence, numberMax, isClosed, imports, byNumber }: Catalog,
  { replica, sizes, last }: Pick<CatalogRecord, "replica" | "sizes" | "last">,
): Uint8Array {
  const contexts = [...byNumber.values()].map((context): ContextRecord => {
    const { number, name, id, profile, epochs, version, hash, digest } = context;
    const marks = [...context.marks.values()];
    const blocks = context.blocks.save();
    return {
      ...{ context: number, name, id, profile, epochs, version, hash, digest },
      ...{ sequence: context.sequence, marks, blocks },
    };
  });
  const finished = [...imports.values()];
  const record: CatalogRecord = {
    ...{ format: FORMAT, replica, sizes, last, sequence, numberMax, isClosed, imports: finished, contexts },
  };
  return pack(record);
}

/** Null when it is of another format. */
export function decodeCatalog(bytes: Uint8Array): CatalogRecord | null {
  try {
    const record = unpack(bytes) as Partial<CatalogRecord> | null;
    return record?.format === FORMAT ? (record as CatalogRecord) : null;
  } catch (error) {
    if (error instanceof IoasisError) return null;
    throw error;
  }
}

export function catalogOf({ last, sequence, numberMax, isClosed, imports, contexts }: CatalogRecord): Catalog {
  const catalog = new Catalog();
  for (const record of contexts) {
    const context = new ContextLog(record);
    context.version = record.version;
    context.hash = record.hash;
    context.digest = record.digest;
    context.sequence = record.sequence;
    for (const mark of record.marks) context.addMark(mark);
    context.blocks.restore(record.blocks);
    catalog.addContext(context);
  }
  for (const finished of imports) catalog.imports.set(importKey(finished), finished);
  catalog.sequence = sequence;
  catalog.numberMax = numberMax;
  catalog.isClosed = isClosed;
  catalog.last = last;
  return catalog;
}
