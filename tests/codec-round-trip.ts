/** What the codec makes of given bytes: the same in node and in a browser (browser.test.ts). Knows neither. */
import {
  blockHash,
  Digest,
  decodeBlock,
  decodeSnapshot,
  encodeBlock,
  encodeSnapshot,
  spaceDigest,
} from "@ioasis/codec";
import type { EventBatch } from "@ioasis/core";
import { Dice, randomBatch } from "../packages/codec/src/testing/random-batch.ts";

/** Bytes as base64, by name. */
export interface Given {
  readonly blocks: Readonly<Record<string, string>>;
  readonly snapshots: Readonly<Record<string, string>>;
}

export interface Made {
  /** Of the events of a block, or of the spaces of a snapshot. */
  readonly digest: string;
  /** SHA-256 of the given bytes. */
  readonly hash: string;
  /** Decoded and encoded again, base64. */
  readonly bytes: string;
}

/** Rows at random, large enough for every form of a column. */
const RANDOM_ROWS = 5_000;

export function roundTrip({ blocks, snapshots }: Given): Record<string, Made> {
  const made: Record<string, Made> = { random: randomBlock() };
  for (const [name, text] of Object.entries(blocks)) {
    const bytes = fromBase64(text);
    const { header, batch } = decodeBlock(bytes);
    made[name] = { digest: digestOf(batch), hash: blockHash(bytes), bytes: toBase64(encodeBlock(header, batch)) };
  }
  for (const [name, text] of Object.entries(snapshots)) {
    const bytes = fromBase64(text);
    const snapshot = decodeSnapshot(bytes);
    const again = toBase64(encodeSnapshot(snapshot));
    made[name] = { digest: spaceDigest(snapshot.state), hash: blockHash(bytes), bytes: again };
  }
  return made;
}

function randomBlock(): Made {
  const batch = randomBatch(new Dice(77), 1, RANDOM_ROWS);
  const { epoch, firstVersion, length: count } = batch;
  const digest = digestOf(batch);
  const bytes = encodeBlock({ contextId: "c", epoch, firstVersion, count, previous: "", digest, mark: null }, batch);
  return { digest, hash: blockHash(bytes), bytes: toBase64(bytes) };
}

function digestOf(batch: EventBatch): string {
  const digest = new Digest();
  digest.feed(batch, 0, Math.ceil(batch.length / 2));
  digest.value();
  digest.feed(batch, Math.ceil(batch.length / 2));
  return digest.value();
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
