/** Blocks of the kernel trace written, read and digested, beside records of msgpackr, one an event. */
import { createHash } from "node:crypto";
import os from "node:os";
import { type BlockHeader, Digest, decodeBlock, encodeBlock } from "@ioasis/codec";
import { type EventBatch, recordedAt } from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import { importRecording, KERNEL_TRACE } from "./import.ts";
import type { Bench, Measurement } from "./measure.ts";
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
  const { Packr } = await import("msgpackr");
  const packr = new Packr({ useRecords: true, structures: [] });
  const records = blocks.map(({ batch }) => Array.from({ length: batch.length }, (_, row) => recordedAt(batch, row)));
  const packed = records.map((list) => list.map((record) => packr.pack(record)));
  const rows: readonly (readonly [string, (block: Sealed) => void, string, (index: number) => void])[] = [
    [
      "written",
      ({ header, batch }) => encodeBlock(header, batch),
      "msgpackr records packed",
      (index) => {
        for (const record of records[index] ?? []) packr.pack(record);
      },
    ],
    [
      "read into columns, checked",
      reader(),
      "msgpackr records unpacked",
      (index) => {
        for (const record of packed[index] ?? []) packr.unpack(record);
      },
    ],
    [
      "digested",
      digester(),
      "SHA-256 of msgpackr records, packed already",
      (index) => {
        const hash = createHash("sha256");
        for (const record of packed[index] ?? []) hash.update(record);
        hash.digest();
      },
    ],
  ];
  return rows.map(([name, own, peerName, peer]) => ({
    name: `blocks of the kernel trace, ${name}`,
    unit: "events/s",
    workload: KERNEL_TRACE,
    subject: perSecond(events, () => {
      for (const block of blocks) own(block);
    }),
    peer: {
      name: peerName,
      ...perSecond(events, () => {
        for (const index of blocks.keys()) peer(index);
      }),
    },
  }));
}

/** The blocks of an import. */
async function sealed({ world, scratch }: Setting): Promise<Sealed[]> {
  const folder = scratch.fresh();
  await importRecording(world, KERNEL_TRACE, folder);
  const journal = await openSegmentJournal(folder, { host: os.hostname(), readOnly: true });
  try {
    const [context] = journal.contexts();
    return Array.from(journal.blocks(context?.name ?? ""), (block) => {
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

function perSecond(events: number, round: () => void): Measurement {
  return {
    run() {
      const from = performance.now();
      for (let i = 0; i < ROUNDS; i++) round();
      return (ROUNDS * events) / ((performance.now() - from) / 1000);
    },
  };
}
