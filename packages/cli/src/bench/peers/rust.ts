/** A small Rust program (`rust/replay.rs`), compiled where a compiler is found: native code beside ours. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { type EventBatch, IoasisError } from "@ioasis/core";
import type { Missing } from "../measure.ts";
import type { Setting } from "../row.ts";

const OUTPUT_BYTES_MAX = 1 << 16;

/** Folds batches into a `BTreeMap<u64, (u64, u64)>`. @returns events a second, reading of the input left out */
export type RustReplay = (batches: readonly EventBatch[]) => () => number;

export function rustReplay({ world, scratch, say }: Setting): RustReplay | Missing {
  const source = path.join(world.env["IOASIS_ROOT"] ?? ".", "packages/cli/src/bench/rust/replay.rs");
  if (!existsSync(source)) return { missing: "the peer in Rust is in the checkout only" };
  const program = path.join(scratch.kept, "replay-rust");
  if (!existsSync(program)) {
    say("compiles the peer in Rust");
    const options = ["-C", "opt-level=3", "-C", "target-cpu=native", "-C", "panic=abort", "--edition", "2021"];
    const { status, error, stderr } = spawnSync("rustc", [...options, "-o", program, source], { encoding: "utf8" });
    if (error !== undefined) return { missing: "the peer in Rust needs rustc: install Rust to have it" };
    if (status !== 0) return { missing: `the peer in Rust does not compile: ${stderr.trim().split("\n")[0]}` };
  }
  return (batches) => {
    const input = columns(batches);
    return () => {
      const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: OUTPUT_BYTES_MAX, encoding: "utf8" });
      const perSecond = Number(stdout.split(" ")[0]);
      if (status === 0 && perSecond > 0) return perSecond;
      throw new IoasisError("ERR_INPUT", `the peer in Rust failed: ${stderr.trim() || stdout.trim()}`);
    };
  };
}

/** Their number, then type, first byte, last byte and value, column by column; little-endian. */
function columns(batches: readonly EventBatch[]): Buffer {
  const rows = batches.reduce((sum, { length }) => sum + length, 0);
  const bytes = Buffer.alloc(8 + rows + 24 * rows);
  bytes.writeBigUInt64LE(BigInt(rows));
  let row = 0;
  for (const { length, type, iova, last, value } of batches)
    for (let i = 0; i < length; i++, row++) {
      bytes[8 + row] = type[i] as number;
      const at = 8 + rows + 8 * row;
      bytes.writeBigUInt64LE(iova[i] as bigint, at);
      bytes.writeBigUInt64LE(last[i] as bigint, at + 8 * rows);
      bytes.writeBigUInt64LE(value[i] as bigint, at + 16 * rows);
    }
  return bytes;
}
