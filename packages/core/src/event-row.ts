/** Rows of a batch as objects: for reading, never on a hot path. */
import type { ByteLength, Iova } from "./address.ts";
import { assert } from "./assert.ts";
import { errnoOfCode } from "./errno.ts";
import {
  type ClockColumn,
  type EventBatch,
  TYPE_MAP_REFUSED,
  TYPE_MAPPED,
  TYPE_UNMAP_REFUSED,
  TYPE_UNMAPPED,
} from "./event-batch.ts";
import type { Actor, ColdEvent, HotEvent, IoasEvent, IoasHandle, Recorded, Stamp } from "./events.ts";
import { PROTS, type Run, SOURCE_KINDS, type Source } from "./source.ts";

const LENGTH_2_64 = 1n << 64n;

/** The source of row `row`, which must be a map (done or refused). */
export function sourceAt(batch: EventBatch, row: number): Source {
  const traits = batch.traits[row] as number;
  return sourceOf(
    (traits >> 2) & 0xf,
    batch.value[row] as bigint,
    batch.fd[row] as number,
    (traits & 0x40) !== 0,
    batch.runs[batch.extra[row] as number] ?? null,
  );
}

/** A source from its column form: kind code, address or offset, fd, writable copy, runs. */
export function sourceOf(
  kind: number,
  value: bigint,
  fd: number,
  writable: boolean,
  runs: readonly Run[] | null,
): Source {
  const source = bareSource(kind, value, fd, writable);
  return runs === null ? source : { ...source, runs };
}

function bareSource(kind: number, value: bigint, fd: number, writable: boolean): Source {
  switch (SOURCE_KINDS[kind]) {
    case "va":
      return { kind: "va", va: value };
    case "file":
      return writable ? { kind: "file", fd, start: value, writable } : { kind: "file", fd, start: value };
    case "dmabuf":
      return { kind: "dmabuf", fd, start: value };
    case "gpa":
      return { kind: "gpa", gpa: value };
    case "paddr":
      return { kind: "paddr", paddr: value };
    case "copy":
      return { kind: "copy", va: value, writable };
    default:
      return { kind: "unknown" };
  }
}

/** The event of row `row` as an object: for reading, never on a hot path. */
export function eventAt(batch: EventBatch, row: number): IoasEvent {
  assert(row >= 0 && row < batch.length, `row ${row} of ${batch.length}`);
  const type = batch.type[row] as number;
  if (type > TYPE_UNMAP_REFUSED) return batch.colds[batch.extra[row] as number] as ColdEvent<IoasHandle>;
  return hotEventAt(batch, row, type);
}

function hotEventAt(batch: EventBatch, row: number, type: number): HotEvent<IoasHandle> {
  const ioas = batch.ioas[row] as number;
  const iova = batch.iova[row] as Iova;
  const last = batch.last[row] as Iova;
  const length = last as bigint as ByteLength; // what the column means in the refused types
  const traits = batch.traits[row] as number;
  const prot = PROTS[traits & 3] as (typeof PROTS)[number];
  switch (type) {
    case TYPE_MAPPED:
      return { type: "IovaMapped", ioas, iova, last, prot, source: sourceAt(batch, row) };
    case TYPE_UNMAPPED: {
      const value = batch.value[row] as bigint;
      const bytes = ((traits & 0x80) !== 0 ? LENGTH_2_64 : value) as ByteLength;
      return { type: "IovaUnmapped", ioas, iova, last, bytes };
    }
    case TYPE_MAP_REFUSED:
      return {
        type: "MapRefused",
        ioas: ioas < 0 ? null : ioas,
        iova: (traits & 0x80) !== 0 ? null : iova,
        length,
        prot,
        source: sourceAt(batch, row),
      };
    default:
      return { type: "UnmapRefused", ioas: ioas < 0 ? null : ioas, iova, length };
  }
}

/** Row `row` with its envelope. */
export function recordedAt(batch: EventBatch, row: number): Recorded {
  const actor = batch.actor[row] as number;
  return {
    version: batch.firstVersion + row,
    epoch: batch.epoch,
    stamp: stampAt(batch, row),
    actor: actor === 0 ? null : (batch.actors[actor - 1] as Actor),
    errno: errnoOfCode(batch.errno[row] as number),
    line: batch.line[row] as number,
    event: eventAt(batch, row),
  };
}

export function stampAt(batch: EventBatch, row: number): Stamp | null {
  const code = batch.clock[row] as number;
  if (code === 0) return null;
  const { clock, decimals } = batch.clocks[code - 1] as ClockColumn;
  return { clock, decimals, ticks: batch.ticks[row] as bigint };
}
