/** Blocks of the kernel trace written, read and digested, beside records of msgpackr, one an event. */
import { createHash } from "node:crypto";
import os from "node:os";
import { type BlockHeader, Digest, decodeBlock, encodeBlock } from "@ioasis/codec";
import { type EventBatch, recordedAt } from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import { importRecording, KERNEL_TRACE } from "./import.ts";
import { type Bench, beside, type Measurement, type Missing, type Peer } from "./measure.ts";
import { installed, isMissing } from "./peers/installed.ts";
import type { Setting } from "./row.ts";

/** The trace is gone through as often in a run, so that a run is not over at once. */
const ROUNDS = 5;

interface Sealed {
  readonly header: BlockHeader;
  readonly batch: EventBatch;
  readonly bytes: Uint8Array;
}

export async function blocksBenches(setting: Setting): Promise<Bench[]> {
  const blocks = await sealed(setting);
  const events = blocks.reduce((sum, { batch }) => sum + batch.length, 0);
  const peers = await records(blocks, events);
  const bench = (name: string, own: (block: Sealed) => void, peer: Peer | Missing): Bench[] =>
    beside(
      {
        name: `blocks of the kernel trace, ${name}`,
        unit: "events/s",
        workload: KERNEL_TRACE,
        subject: perSecond(events, () => {
          for (const block of blocks) own(block);
        }),
      },
      [peer],
    );
  return [
    ...bench("written", ({ header, batch }) => encodeBlock(header, batch), peers.packed),
    ...bench("read into columns, checked", reader(), peers.unpacked),
    ...bench("digested", digester(), peers.hashed),
  ];
}

/** The blocks of an import. */
async function sealed({ world, scratch }: Setting): Promise<Sealed[]> {
  const directory = scratch.fresh();
  await importRecording(world, KERNEL_TRACE, directory);
  const journal = await openSegmentJournal(directory, { host: os.hostname(), readOnly: true });
  try {
    const context = journal.contexts()[0]?.name ?? "";
    return Array.from(journal.blocks(context), (block) => {
      const bytes = block.bytes();
      return { ...decodeBlock(bytes), bytes };
    });
  } finally {
    await journal.close();
  }
}

/** Each block into the batch of the one before. */
function reader(): (block: Sealed) => void {
  let batch: EventBatch | null = null;
  return ({ bytes }) => {
    ({ batch } = decodeBlock(bytes, batch));
  };
}

/** One digest from the first block to the last. */
function digester(): (block: Sealed) => void {
  let digest = new Digest();
  return ({ batch }) => {
    if (batch.firstVersion === 1) digest = new Digest();
    digest.feed(batch);
    digest.value();
  };
}

interface Records {
  readonly packed: Peer | Missing;
  readonly unpacked: Peer | Missing;
  readonly hashed: Peer | Missing;
}

/** The same events as records with shared structures. */
async function records(blocks: readonly Sealed[], events: number): Promise<Records> {
  const library = await installed("msgpackr", () => import("msgpackr"));
  if (isMissing(library)) return { packed: library, unpacked: library, hashed: library };
  const packr = new library.Packr({ useRecords: true, structures: [] });
  const all = blocks.flatMap(({ batch }) => Array.from({ length: batch.length }, (_, row) => recordedAt(batch, row)));
  const packed = all.map((record) => packr.pack(record));
  const peer = <T>(name: string, of: readonly T[], each: (value: T) => void): Peer => ({
    name,
    ...perSecond(events, () => {
      for (const value of of) each(value);
    }),
  });
  const hash = createHash("sha256");
  return {
    packed: peer("msgpackr records packed", all, (record) => packr.pack(record)),
    unpacked: peer("msgpackr records unpacked", packed, (bytes) => packr.unpack(bytes)),
    hashed: peer("SHA-256 of msgpackr records, packed already", packed, (bytes) => hash.update(bytes)),
  };
}

function perSecond(events: number, round: () => void): Measurement {
  return {
    run() {
      const from = performance.now();
      for (let i = 0; i < ROUNDS; i++) round();
      return (ROUNDS * events) / ((performance.now() - from) / 1000);
    },
  };
}
