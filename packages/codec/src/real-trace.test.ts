/** What the block format is made for: a kernel's DMA trace, every field kept. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { byteLength, EventBatch, type IoasEvent, iova, recordedAt } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeBlock, encodeBlock } from "./block.ts";
import { Digest } from "./digest.ts";

const test = suite("real trace");
const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const BYTES_PER_EVENT_MAX = 4;
const LINE =
  /^\s*(.*)-(\d+)\s+\[(\d+)\] (\S+)\s+(\d+)\.(\d+): (un)?map: IOMMU: iova=(0x\w+) - (0x\w+) (?:paddr=(0x\w+) )?size=\d+(?: unmapped_size=(\d+))?/;

/** One batch of all map and unmap lines. */
function batchOf(file: string): EventBatch {
  const lines = gunzipSync(readFileSync(path.join(ROOT, "tests/recordings", file)))
    .toString()
    .split("\n");
  const batch = new EventBatch(1, 1, lines.length);
  for (const [index, line] of lines.entries()) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, comm = "", tid, cpu, flags = "", seconds, fraction, un, from = "", to = "", paddr, bytes] = match;
    const range = { ioas: 0, iova: iova(BigInt(from)), last: iova(BigInt(to) - 1n) };
    const event: IoasEvent =
      un === undefined
        ? { type: "IovaMapped", ...range, prot: "unknown", source: { kind: "paddr", paddr: BigInt(paddr ?? 0) } }
        : { type: "IovaUnmapped", ...range, bytes: byteLength(BigInt(bytes ?? 0)) };
    batch.push(event, {
      stamp: { clock: "trace", ticks: BigInt(`${seconds}${fraction}`), decimals: 6 },
      actor: { comm, pid: null, tid: Number(tid), cpu: Number(cpu), flags },
      errno: null,
      line: index + 1,
    });
  }
  return batch;
}

test("comes back exactly, in few bytes", () => {
  const batch = batchOf("kernel/dma-e1000e-ring-overrun.trace.txt.gz");
  assert.ok(batch.length > 3000, `${batch.length} events`);
  const digest = new Digest();
  digest.feed(batch);
  const header = { contextId: "c", epoch: 1, firstVersion: 1, count: batch.length, previous: "", mark: null };
  const bytes = encodeBlock({ ...header, digest: digest.value() }, batch);
  const back = decodeBlock(bytes);
  for (let row = 0; row < batch.length; row++) assert.equal(recordedAt(back.batch, row), recordedAt(batch, row));
  const again = new Digest();
  again.feed(back.batch);
  assert.is(again.value(), back.header.digest);
  assert.ok(bytes.length / batch.length < BYTES_PER_EVENT_MAX, `${bytes.length / batch.length} bytes an event`);
});

test.run();
