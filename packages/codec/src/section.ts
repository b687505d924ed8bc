/** A run of bytes inside a block or snapshot, deflated (RFC 1951) where that makes it smaller. */
import { IoasisError } from "@ioasis/core";
import { deflateSync, inflateSync } from "fflate";
import type { ByteReader, ByteWriter } from "./bytes.ts";
import { damaged, guarded } from "./damage.ts";

/** Below this deflate never wins. */
const DEFLATE_BYTES_MIN = 24;
const LEVEL = 6;

/** How many inflated bytes one block or snapshot may hold, over all its sections. */
export class Budget {
  #left: number;
  constructor(bytesMax: number) {
    this.#left = bytesMax;
  }

  get left(): number {
    return this.#left;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0)
      throw new IoasisError("ERR_LIMIT", `block: ${-this.#left} bytes over its limit: append fewer rows at once`);
  }
}

/** varint raw length, varint stored length (0: stored as it is), bytes. `isDeflated`: where that makes them fewer. */
export function writeSection(out: ByteWriter, raw: Uint8Array, budget: Budget, isDeflated = true): void {
  budget.spend(raw.length);
  out.varint(raw.length);
  if (isDeflated && raw.length >= DEFLATE_BYTES_MIN) {
    const small = deflateSync(raw, { level: LEVEL });
    if (small.length + 1 < raw.length) {
      out.varint(small.length);
      out.raw(small);
      return;
    }
  }
  out.varint(0);
  out.raw(raw);
}

/** @throws IoasisError ERR_BLOCK; nothing over the budget is allocated */
export function readSection(reader: ByteReader, budget: Budget, what: string): Uint8Array {
  const length = reader.varint(budget.left, `${what}: length`);
  budget.spend(length);
  const stored = reader.varint(length, `${what}: stored length`);
  if (stored === 0) return reader.raw(length, what);
  const bytes = reader.raw(stored, what);
  const raw = guarded(what, () => inflateSync(bytes, { out: new Uint8Array(length) }));
  if (raw.length !== length) throw damaged(`${what}: ${raw.length} bytes inflated, ${length} declared`);
  return raw;
}
