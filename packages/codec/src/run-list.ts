/** One list of physical runs as bytes by itself: varint number of runs, then iova, paddr, length of each as u64. */
import type { Iova, Run } from "@ioasis/core";
import { ByteReader, type ByteWriter } from "./bytes.ts";

const RUNS_MAX = 0x10_0000;
const RUN_BYTES = 24;

export function writeRunList(out: ByteWriter, list: readonly Run[]): void {
  out.varint(list.length);
  const bytes = new Uint8Array(RUN_BYTES * list.length);
  const view = new DataView(bytes.buffer);
  for (const [i, { iova, paddr, length }] of list.entries()) {
    view.setBigUint64(RUN_BYTES * i, iova, true);
    view.setBigUint64(RUN_BYTES * i + 8, paddr, true);
    view.setBigUint64(RUN_BYTES * i + 16, length, true);
  }
  out.raw(bytes);
}

/** The list that begins at `at`. @throws IoasisError ERR_BLOCK */
export function readRunList(from: Uint8Array, at: number): readonly Run[] {
  const reader = new ByteReader(from.subarray(at));
  const count = reader.varint(RUNS_MAX, "runs of a list");
  const bytes = reader.raw(RUN_BYTES * count, "runs of a list");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => ({
    iova: view.getBigUint64(RUN_BYTES * i, true) as Iova,
    paddr: view.getBigUint64(RUN_BYTES * i + 8, true),
    length: view.getBigUint64(RUN_BYTES * i + 16, true),
  }));
}
