/**
 * The digest of a state as a guest sees it: what must be equal after the spaces were rebuilt on
 * another host, where kernel ids, handles and host addresses differ.
 */
import {
  type Area,
  type Attachment,
  type ContextState,
  type Hwpt,
  holes,
  merged,
  PROTS,
  type Range,
  type Space,
} from "@ioasis/core";
import { bytesToHex } from "@noble/hashes/utils.js";
import { platform } from "#platform";
import { ByteWriter } from "./bytes.ts";
import { pack } from "./pack.ts";

/** Portable sources, by their code in the digest. */
const SOURCE_NONE = 0;
const SOURCE_GPA = 1;
const SOURCE_FILE = 2;

/**
 * Hash of the state without kernel ids and host addresses (see CONTRACT `spaceDigest`), 64 hex
 * digits. The bytes are described in docs/FORMAT.md.
 */
export function spaceDigest(state: ContextState): string {
  const spaces = state.liveSpaces;
  const order = new Map(spaces.map(({ handle }, index) => [handle, index]));
  const hasher = platform.sha256();
  hasher.update(sized(pack(["ioasis space", 1, spaces.length])));
  for (const space of spaces) {
    hasher.update(sized(pack(spaceRecord(space, state.hwpts))));
    hasher.update(areaBytes(space));
  }
  hasher.update(sized(pack(attachmentRecords(state.attachments.values(), order))));
  return bytesToHex(hasher.digest());
}

function spaceRecord(space: Space, hwpts: readonly (Hwpt | undefined)[]): unknown {
  return [
    pairs(holes(space.reservations)),
    alignmentOf(space, hwpts),
    // What is allowed is a set of bytes: how it was cut into ranges does not show.
    pairs(merged(space.allowed)),
    space.areas.size,
  ];
}

/** Largest page size of the page tables on this space, 1 where none is told. */
function alignmentOf(space: Space, hwpts: readonly (Hwpt | undefined)[]): bigint {
  let alignment = 1n;
  for (const hwpt of hwpts)
    if (hwpt?.ioas === space.handle && hwpt.pageSize !== null && hwpt.pageSize > alignment) alignment = hwpt.pageSize;
  return alignment;
}

function pairs(ranges: readonly Range[]): bigint[][] {
  return ranges.map(({ first, last }) => [first, last]);
}

/** 26 bytes an area: iova, last, portable start (u64 each), prot, source kind (u8 each). */
function areaBytes(space: Space): Uint8Array {
  const out = new Uint8Array(space.areas.size * 26);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const area of space.areas.all()) {
    const [kind, start] = portable(area);
    view.setBigUint64(at, area.iova, true);
    view.setBigUint64(at + 8, area.last, true);
    view.setBigUint64(at + 16, start, true);
    view.setUint8(at + 24, PROTS.indexOf(area.prot));
    view.setUint8(at + 25, kind);
    at += 26;
  }
  return out;
}

function portable({ source }: Area): readonly [number, bigint] {
  if (source.kind === "gpa") return [SOURCE_GPA, source.gpa];
  if (source.kind === "file") return [SOURCE_FILE, source.start];
  return [SOURCE_NONE, 0n];
}

/** By device and pasid, not by the order in which they were attached. */
function attachmentRecords(attachments: Iterable<Attachment>, order: ReadonlyMap<number, number>): unknown[] {
  return [...attachments]
    .map(({ device, pasid, ioas }) => [device, pasid, ioas === null ? null : (order.get(ioas) ?? null)] as const)
    .sort(([a, x], [b, y]) => (a === b ? (x ?? -1) - (y ?? -1) : a < b ? -1 : 1));
}

function sized(bytes: Uint8Array): Uint8Array {
  const out = new ByteWriter();
  out.u32(bytes.length);
  out.raw(bytes);
  return out.take();
}
