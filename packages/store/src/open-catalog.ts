/** What a journal holds, at opening: from the checkpoint and the frames behind it, or from all frames. */
import { Catalog } from "./catalog.ts";
import type { CatalogRecord } from "./catalog-record.ts";
import type { CheckpointFile } from "./checkpoint-file.ts";
import type { ScannedSegment } from "./frame-log.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

type LastSegment = Omit<ScannedSegment, "items">;

export interface OpenedCatalog {
  readonly catalog: Catalog;
  /** The newest segment; number 0: there is none. */
  readonly last: LastSegment;
}

/**
 * `snapshots` were listed before, and the checkpoint is read before the log is: they tell of events that it must have.
 * Damage below the checkpoint is not looked for here; whoever reads there finds it.
 */
export function openCatalog(log: SegmentLog, checkpoints: CheckpointFile, snapshots: SnapshotStore): OpenedCatalog {
  const saved = checkpoints.load();
  const restored = saved === null ? null : checkpoints.fitted(saved);
  const catalog = restored ?? new Catalog();
  let last: LastSegment = { number: 0, file: log.fileOf(1), end: 0, size: 0 };
  for (const { items, ...segment } of log.scan(catalog.end)) {
    catalog.foldSegment({ items, ...segment });
    last = segment;
  }
  catalog.finish();
  if (restored === null && saved !== null) noteMisfit(catalog, saved, last);
  noteLost(catalog, provenBySnapshots(catalog, snapshots), "a snapshot", last);
  return { catalog, last };
}

/** What a checkpoint that does not fit the log proves to be lost: where the log is shorter, anybody's events. */
function noteMisfit(catalog: Catalog, saved: CatalogRecord, newest: LastSegment): void {
  const proofs = saved.contexts.map(({ name, version }) => ({ name, version }));
  noteLost(catalog, proofs, "the checkpoint of the catalog", newest);
  const { segment, offset } = saved.last;
  const { number, file, end } = newest;
  if (number > segment || (number === segment && end > offset)) return;
  const what = `the log ends here, but the checkpoint of the catalog shows that it went on in segment ${segment}`;
  const damage = { file, offset: end, version: null, context: null, what };
  catalog.damage.push(damage);
  for (const context of catalog.byNumber.values()) context.breakOff(damage);
}

/** A context that had this version once. */
interface Proof {
  readonly name: string;
  readonly version: number;
}

/** Snapshots and checkpoints are made of durable events only: what is ahead of the log proves that it lost some. */
function noteLost(catalog: Catalog, proofs: readonly Proof[], witness: string, { file, end }: LastSegment): void {
  for (const { name, version } of proofs) {
    const context = catalog.byName.get(name);
    if (context !== undefined && (context.damagedFrom !== null || context.version >= version)) continue;
    const ends = context === undefined ? `has no context "${name}"` : `ends at version ${context.version}`;
    const what = `the log ${ends}, but ${witness} shows that it went on to version ${version}`;
    const damage = { file, offset: end, version: (context?.version ?? 0) + 1, context: name, what };
    catalog.damage.push(damage);
    context?.breakOff(damage);
  }
}

function provenBySnapshots(catalog: Catalog, snapshots: SnapshotStore): readonly Proof[] {
  return [...catalog.byNumber.values()].flatMap(({ name, id, version }) => {
    const ahead = snapshots.versions(id).filter((one) => one > version);
    const proof = ahead.find((one) => snapshots.load(id, one) !== null);
    return proof === undefined ? [] : [{ name, version: proof }];
  });
}
