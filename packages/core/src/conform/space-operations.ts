/** Operations on spaces: what the recording calls them, what the model calls them. */
import { byteLength, hex, iova, U64_MAX } from "../address.ts";
import { type Frame, MAP_READABLE, MAP_WRITEABLE } from "../commands.ts";
import { piecesOf } from "../decide/copy-iova.ts";
import { decide } from "../decide/decide.ts";
import { ioasOf } from "../decide/objects.ts";
import { USER_OWNER } from "../decide/reserve-iova.ts";
import { wholeAreas } from "../decide/unmap-iova.ts";
import type { IoasEvent } from "../events.ts";
import { protOf, type Source } from "../source.ts";
import type { Fields } from "./fields.ts";
import type { Checked } from "./operation.ts";
import { outOf, rangeFrom } from "./recorded.ts";
import type { Step } from "./recording.ts";

/** A struct that arrived complete, with nothing behind it. */
const WHOLE: Frame = {};

/** How the argument struct arrived. */
export function frameOf(given: Fields): Frame {
  if (!given.has("size") && !given.has("reserved") && !given.has("trailing_nonzero")) return WHOLE;
  return {
    ...(given.has("size") ? { size: given.number("size") } : {}),
    ...(given.has("reserved") ? { reserved: given.number("reserved") } : {}),
    ...(given.isSet("trailing_nonzero") ? { hasNonZeroTail: true } : {}),
  };
}

export const ioasAlloc: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = { command: "AllocIoas", flags: given.number("flags"), ...frameOf(given) } as const;
    const { errno, events, out } = decide<"AllocIoas">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { ioas: `ioas${out.ioas}`, id: out.ioasId } };
  },
  follow: (step, { state }) => [
    { type: "IoasAllocated", ioas: state.spaces.length, kernelId: outOf(step).number("id") },
  ],
};

export const allowIovas: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "AllowIovas",
      ioasId: given.number("ioas_id"),
      ranges: given.pairs("ranges"),
      hasBadPointer: given.isSet("bad_pointer"),
      ...frameOf(given),
    } as const;
    const { errno, events } = decide<"AllowIovas">(state, command, profile, environment);
    return { errno, events, out: {} };
  },
  follow({ in: given }, { state }) {
    const space = ioasOf(state, given.number("ioas_id"));
    const ranges = given.pairs("ranges").map(([first, last]) => ({ first: iova(first), last: iova(last) }));
    return space === null ? [] : [{ type: "IovasAllowed", ioas: space.handle, ranges }];
  },
};

export const iovaRanges: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "QueryIovaRanges",
      ioasId: given.number("ioas_id"),
      slots: given.number("slots"),
      hasBadPointer: given.isSet("bad_pointer"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"QueryIovaRanges">(state, command, profile, environment);
    if (out === null) return { errno, events, out: {} };
    const ranges = out.ranges.map(({ first, last }) => [hex(first), hex(last)]);
    return { errno, events, out: { num_iovas: out.count, out_iova_alignment: hex(out.alignment), ranges } };
  },
  follow: () => [],
};

export const map: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "MapIova",
      ioasId: given.number("ioas_id"),
      flags: given.number("flags"),
      userVa: given.u64("va"),
      length: given.u64("length"),
      iova: given.u64("iova"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"MapIova">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { iova: hex(out.iova) } };
  },
  follow: (step, { state }) => {
    const source: Source = { kind: "va", va: step.in.u64("va") };
    const space = ioasOf(state, step.in.number("ioas_id"));
    return space === null ? [] : mapped(space.handle, step, outOf(step).u64("iova"), step.in.u64("length"), source);
  },
};

export const copy: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "CopyIova",
      flags: given.number("flags"),
      dstIoasId: given.number("dst_id"),
      srcIoasId: given.number("src_id"),
      length: given.u64("length"),
      dstIova: given.u64("dst_iova"),
      srcIova: given.u64("src_iova"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"CopyIova">(state, command, profile, environment);
    if (out === null) return { errno, events, out: {} };
    return { errno, events, out: { dst_iova: hex(out.dstIova) }, copies: out.maps };
  },
  follow(step, { state, environment }) {
    const { in: given } = step;
    const origin = ioasOf(state, given.number("src_id"));
    const destination = ioasOf(state, given.number("dst_id"));
    const { first, last } = rangeFrom(given.u64("src_iova"), given.u64("length"));
    if (origin === null || destination === null) return [];
    const unknown = { length: given.u64("length"), source: { kind: "unknown" } } as const;
    let next = outOf(step).u64("dst_iova");
    return (piecesOf(origin, first, last, environment) ?? [unknown]).flatMap(({ length, source }) => {
      next += length;
      return mapped(destination.handle, step, next - length, length, source);
    });
  },
};

export const unmap: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "UnmapIova",
      ioasId: given.number("ioas_id"),
      iova: given.u64("iova"),
      length: given.u64("length"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"UnmapIova">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { length: hex(out.length) } };
  },
  follow({ in: given }, { state }) {
    const space = ioasOf(state, given.number("ioas_id"));
    const { first, last } = rangeFrom(given.u64("iova"), given.u64("length"));
    if (space === null) return [];
    const { bytes } = wholeAreas(space, first, last);
    return [{ type: "IovaUnmapped", ioas: space.handle, iova: first, last, bytes: byteLength(bytes) }];
  },
};

export const option: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "UseOption",
      option: given.number("option_id"),
      operation: given.number("option_op"),
      objectId: given.number("obj_id"),
      value: given.u64("val64"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"UseOption">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { val64: hex(out.value) } };
  },
  follow({ in: given }, { state }) {
    if (given.number("option_op") !== 0) return [];
    const isOn = given.u64("val64") === 1n;
    if (given.number("option_id") === 0) return [{ type: "RlimitModeSet", mode: isOn ? "mm" : "user" }];
    const space = ioasOf(state, given.number("obj_id"));
    const type = isOn ? "LargePagesEnabled" : "LargePagesDisabled";
    return space === null ? [] : [{ type, ioas: space.handle }];
  },
};

export const addReserved: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "ReserveIova",
      ioasId: given.number("ioas_id"),
      iova: given.u64("start"),
      length: given.u64("length"),
    } as const;
    const { errno, events } = decide<"ReserveIova">(state, command, profile, environment);
    return { errno, events, out: {} };
  },
  follow({ in: given }, { state }) {
    const space = ioasOf(state, given.number("ioas_id"));
    const { first, last } = rangeFrom(given.u64("start"), given.u64("length"));
    return space === null ? [] : [{ type: "IovaReserved", ioas: space.handle, owner: USER_OWNER, iova: first, last }];
  },
};

/** A mapping as the recording tells it; none where it tells of no range that there is. */
export function mapped(ioas: number, step: Step, first: bigint, length: bigint, source: Source): IoasEvent[] {
  const last = first + length - 1n;
  if (last < first || last > U64_MAX) return [];
  const flags = step.in.number("flags");
  const prot = protOf((flags & MAP_READABLE) !== 0, (flags & MAP_WRITEABLE) !== 0);
  return [{ type: "IovaMapped", ioas, iova: iova(first), last: iova(last), prot, source }];
}
