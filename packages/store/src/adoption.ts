/** Checks blocks and epochs that come from another replica, before anything of them is kept. */
import { type Digest, decodeBlock, decodeHeader } from "@ioasis/codec";
import { type ContextState, type EventBatch, IoasisError } from "@ioasis/core";
import { type AcceptedBlock, accept, feed } from "./block-maker.ts";
import { type ContextLog, withEpoch } from "./context-log.ts";
import { sha256 } from "./frame.ts";
import type { Epoch, Point, ReplicaId } from "./journal.ts";
import { checkEpoch } from "./ownership.ts";
import type { Replay } from "./replay.ts";

export interface AdoptedBlock {
  readonly block: AcceptedBlock;
  readonly batch: EventBatch;
  /** The state after it, where it is known without a fold. */
  readonly state: ContextState | null;
}

export interface AdoptedEpoch {
  readonly epoch: Epoch;
  /** Of its frame. */
  readonly sequence: number;
}

/** What is new, in the order in which it is to be written. */
export interface Adopted {
  readonly blocks: readonly AdoptedBlock[];
  readonly epochs: readonly AdoptedEpoch[];
}

/** Whether some of `blocks` may be in the journal, or on their way to the disk. */
export function reachesBack({ tail }: ContextLog, [first]: readonly Uint8Array[]): boolean {
  return first !== undefined && decodeHeader(first).firstVersion <= tail.version;
}

/**
 * Accepts blocks behind the tail of `context`, then epochs that hold there. The tail is left alone
 * when anything of it is wrong.
 * @throws IoasisError ERR_BLOCK, ERR_OWNER_HERE, and of `checkEpoch`
 */
export function adopt(
  context: ContextLog,
  replica: ReplicaId,
  blocks: readonly Uint8Array[],
  epochs: readonly Epoch[],
  replay: Replay,
): Adopted {
  const { tail } = context;
  // The digest has eaten blocks that are refused: it is then found again from the disk.
  const before = { ...tail, feeding: blocks.length > 0 ? null : tail.feeding };
  try {
    return {
      blocks: adoptBlocks(context, replica, blocks, replay),
      epochs: epochs.flatMap((epoch) => adoptEpoch(context, replica, epoch)),
    };
  } catch (error) {
    Object.assign(tail, before);
    throw error;
  }
}

function adoptBlocks(
  context: ContextLog,
  replica: ReplicaId,
  blocks: readonly Uint8Array[],
  replay: Replay,
): AdoptedBlock[] {
  const { tail } = context;
  const adopted: AdoptedBlock[] = [];
  for (const bytes of blocks) {
    if (isHeld(context, bytes, replay)) continue;
    tail.feeding ??= replay.feeding(context, tail.version);
    adopted.push(adoptBlock(context, replica, bytes, tail.feeding));
  }
  return adopted;
}

function adoptEpoch(context: ContextLog, replica: ReplicaId, epoch: Epoch): AdoptedEpoch[] {
  if (!checkEpoch(context, replica, epoch)) return [];
  const { tail } = context;
  tail.epochs = withEpoch(tail.epochs, epoch);
  return [{ epoch, sequence: ++tail.sequence }];
}

function adoptBlock(context: ContextLog, replica: ReplicaId, bytes: Uint8Array, feeding: Digest): AdoptedBlock {
  const { header, batch } = decodeBlock(bytes);
  const { tail } = context;
  const refuse = (reason: string) => refusal(context, header.firstVersion, reason);
  if (header.contextId !== context.id) throw refuse("it belongs to another context");
  if (header.firstVersion !== tail.version + 1) throw refuse(`the next one must begin at version ${tail.version + 1}`);
  if (header.previous !== tail.hash) throw refuse("it does not follow the block before it: another history");
  checkEpochOf(context, replica, header.epoch, { version: batch.lastVersion, digest: header.digest }, refuse);
  if (batch.length !== header.count || header.count === 0) throw refuse("its count of events is wrong");
  const leaf = feed(feeding, batch);
  if (feeding.value() !== header.digest) throw refuse("its digest is not that of its events");
  return { block: accept(context, header, bytes, feeding, leaf), batch, state: null };
}

function checkEpochOf(
  { name, tail }: ContextLog,
  replica: ReplicaId,
  number: number,
  end: Point,
  refuse: (reason: string) => IoasisError,
): void {
  const index = tail.epochs.findIndex(({ epoch }) => epoch === number);
  const epoch = tail.epochs[index];
  if (epoch === undefined) throw refuse(`epoch ${number} is not known here: record it first`);
  const newest = tail.epochs.at(-1);
  if (epoch.owner === replica || (newest?.owner === replica && newest.sealed === null)) {
    const message = `context "${name}" is written here (epoch ${number} of ${replica}): its events cannot come from elsewhere`;
    throw new IoasisError("ERR_OWNER_HERE", message, { context: name, epoch: number, replica });
  }
  if (tail.version < epoch.from.version) throw refuse(`epoch ${number} begins behind version ${epoch.from.version}`);
  const bound = epoch.sealed?.at ?? tail.epochs[index + 1]?.from;
  if (bound === undefined || end.version < bound.version) return;
  if (end.version > bound.version) throw refuse(`epoch ${number} ended at version ${bound.version}`);
  if (end.digest !== bound.digest) throw refuse(`epoch ${number} ended with another digest: another history`);
}

/**
 * Whether the block is in the journal already.
 * @throws IoasisError ERR_BLOCK when another block is in its place
 */
function isHeld(context: ContextLog, bytes: Uint8Array, replay: Replay): boolean {
  const { firstVersion, contextId } = decodeHeader(bytes);
  if (firstVersion > context.version || contextId !== context.id) return false;
  const held = replay.blockAt(context, firstVersion);
  if (held !== null && held.hash === sha256(bytes).toString("hex")) return true;
  throw refusal(context, firstVersion, "this journal holds another block in its place: the histories fork here");
}

function refusal({ name }: ContextLog, version: number, reason: string): IoasisError {
  const message = `the block at version ${version} of context "${name}" is refused: ${reason}`;
  return new IoasisError("ERR_BLOCK", message, { context: name, version });
}
