/** Reads a whole journal again and checks it: frames, hashes, chains, and every digest by decoding. */
import { setImmediate } from "node:timers/promises";
import { Digest, decodeBlock, EMPTY_DIGEST } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import { feed, type LeafState } from "./block-maker.ts";
import { Catalog } from "./catalog.ts";
import type { ContextLog } from "./context-log.ts";
import { FRAME_LEAF } from "./frame.ts";
import type { FrameLog, ScannedFrame, ScannedSegment } from "./frame-log.ts";
import type { Damage, VerifyReport } from "./journal.ts";
import { decodeLeaf } from "./records.ts";

/** How far a context was checked. */
interface Progress {
  readonly feeding: Digest;
  /** The last leaf border in the newest block. */
  leaf: LeafState | null;
  blocks: number;
  events: number;
}

/**
 * @param current what the journal believes it holds: anything of it that the disk lacks is damage
 * @param otherDamage found elsewhere, to be part of the report
 */
export async function verifyLog(
  log: FrameLog,
  current: Catalog,
  otherDamage: readonly Damage[],
): Promise<VerifyReport> {
  const expected = [...current.byNumber.values()].map(({ number, name, version }) => ({ number, name, version }));
  const catalog = new Catalog();
  const progress = new Map<number, Progress>();
  let last: Pick<ScannedSegment, "file" | "end"> = { file: log.fileOf(1), end: 0 };
  for (const segment of log.scan()) {
    for (const item of segment.items)
      if (item.isIntact) checkFrame(catalog, progress, item, segment);
      else catalog.foldDamage(item, segment);
    last = segment;
    await setImmediate();
  }
  catalog.finish();
  for (const { number, name, version } of expected) {
    const found = catalog.byNumber.get(number);
    if (found !== undefined && (found.damagedFrom !== null || found.version >= version)) continue;
    const what = `the journal ends before version ${version}, which had been acknowledged`;
    catalog.damage.push({ file: last.file, offset: last.end, version: (found?.version ?? 0) + 1, context: name, what });
  }
  return report(catalog, progress, [...inherited(current, catalog), ...otherDamage]);
}

/** Damage that only opening can see: the log ends early. */
function inherited(current: Catalog, fresh: Catalog): readonly Damage[] {
  return current.damage.filter(
    ({ file, offset, context }) =>
      !fresh.damage.some((found) => found.file === file && found.offset === offset && found.context === context),
  );
}

function checkFrame(
  catalog: Catalog,
  progress: Map<number, Progress>,
  frame: ScannedFrame,
  segment: ScannedSegment,
): void {
  const folded = catalog.foldFrame(frame, segment);
  const context = folded?.context ?? catalog.byNumber.get(frame.head.context);
  if (context === undefined) return;
  const own = progress.get(context.number) ?? { feeding: new Digest(), leaf: null, blocks: 0, events: 0 };
  progress.set(context.number, own);
  const what = folded === null ? leafProblem(context, own, frame) : blockProblem(own, frame);
  if (what === null) return;
  const version = folded?.header.firstVersion ?? null;
  const damage = { file: segment.file, offset: frame.offset, version, context: context.name, what };
  catalog.damage.push(damage);
  if (version !== null) context.breakOff(damage, version);
}

function blockProblem(own: Progress, { payload }: ScannedFrame): string | null {
  try {
    const { header, batch } = decodeBlock(payload);
    if (batch.length !== header.count) return `the block holds ${batch.length} events and not ${header.count}`;
    own.leaf = feed(own.feeding, batch);
    if (own.feeding.value() !== header.digest) return "the digest of the block is not that of its events";
    own.blocks++;
    own.events += header.count;
    return null;
  } catch (error) {
    if (!(error instanceof IoasisError) || error.code !== "ERR_BLOCK") throw error;
    return error.message;
  }
}

function leafProblem(context: ContextLog, own: Progress, { head, payload }: ScannedFrame): string | null {
  if (head.type !== FRAME_LEAF || context.damagedFrom !== null || own.leaf === null) return null;
  const { version, state } = decodeLeaf(payload);
  const isRight = version === own.leaf.version && Buffer.compare(state, own.leaf.state) === 0;
  return isRight ? null : "the kept state of the digest is not that of the events";
}

function report(catalog: Catalog, progress: ReadonlyMap<number, Progress>, others: readonly Damage[]): VerifyReport {
  const damage = [...catalog.damage, ...others];
  const digests: Record<string, string> = {};
  for (const context of catalog.byNumber.values())
    if (context.damagedFrom === null)
      digests[context.name] = progress.get(context.number)?.feeding.value() ?? EMPTY_DIGEST;
  const sum = (count: (own: Progress) => number) =>
    [...progress.values()].reduce((total, own) => total + count(own), 0);
  const blocks = sum((own) => own.blocks);
  return { ok: damage.length === 0, blocks, events: sum((own) => own.events), digests, damage };
}
