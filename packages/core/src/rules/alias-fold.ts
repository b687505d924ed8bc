/** `forbid alias across spaces`: a byte of one source is mapped in two spaces at once. */
import type { DeviceName, IoasHandle } from "../events.ts";
import type { ContextState } from "../state.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import { attachOf } from "./place.ts";
import { asksForDevice, type Rule, type RuleFold, type RuleSink } from "./rule.ts";
import { sharedRange } from "./shared-range.ts";
import { SourceIndex, type SourcePiece, type Visit } from "./source-index.ts";
import { rangeWords, spaceWords } from "./wording.ts";

/** Entries that may be gone before they are looked for. */
const DEAD_ENTRIES_MAX = 4_096;

export function aliasFold(rule: Rule, sink: RuleSink): RuleFold {
  const index = new SourceIndex();
  let sweepAt = DEAD_ENTRIES_MAX;
  return {
    types: asksForDevice(rule) ? ["IovaMapped", "DeviceAttached"] : ["IovaMapped"],
    after(moment) {
      if (moment.type !== "IovaMapped") return judgeAttached(rule, moment, sink, index);
      const pieces = piecesOf(moment);
      if (pieces.length === 0) sink.note(rule, moment.context, "some mappings do not tell their source");
      const search: Search = { rule, moment, sink, told: new Set(), comer: null };
      for (const piece of pieces) {
        index.visitOthers(piece, (other) => met(search, piece, other));
        index.add(piece);
      }
      if (index.size < sweepAt) return;
      index.sweep((piece) => isLiving(moment.state, piece));
      sweepAt = 2 * index.size + DEAD_ENTRIES_MAX;
    },
  };
}

/** Bytes of a source. */
interface SourceRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** What one event looks for. */
interface Search {
  readonly rule: Rule;
  readonly moment: Moment;
  readonly sink: RuleSink;
  /** Spaces that were told already. */
  readonly told: Set<IoasHandle>;
  /** The device that is attached to the space; null: something is mapped there. */
  readonly comer: { readonly ioas: IoasHandle; readonly device: DeviceName } | null;
}

/** What the space that a device comes to shares with others. */
function judgeAttached(rule: Rule, moment: Moment, sink: RuleSink, index: SourceIndex): void {
  const comer = attachOf(moment);
  if (comer === null || !appliesTo(rule, moment, comer, sink)) return;
  const search: Search = { rule, moment, sink, told: new Set(), comer };
  for (const whole of index.piecesIn(comer.ioas))
    for (const part of livingParts(moment.state, whole, whole.first, whole.last)) {
      const piece = { ...whole, ...part, iova: whole.iova + (part.first - whole.first) };
      index.visitOthers(piece, (other) => met(search, piece, other));
    }
}

/** One violation for each other space, naming the first shared bytes found. */
function met({ rule, moment, sink, told, comer }: Search, piece: SourcePiece, other: SourcePiece): Visit {
  if (told.has(other.ioas)) return "done";
  const { first, last } = sharedRange(piece.first, piece.last, other.first, other.last);
  const [part] = livingParts(moment.state, other, first, last);
  if (part === undefined) return isLiving(moment.state, other) ? "more" : "gone";
  if (comer === null && !appliesTo(rule, moment, { ioas: piece.ioas }, sink)) return "done";
  told.add(other.ioas);
  const here = piece.iova + (part.first - piece.first);
  const there = other.iova + (part.first - other.first);
  const size = part.last - part.first;
  sink.violation(
    rule,
    moment,
    `${comer === null ? "" : `${comer.device} was attached to ioas${comer.ioas}: `}` +
      `${rangeWords(here, here + size)} of ${spaceWords(moment, piece.ioas)} maps ${piece.key} ` +
      `${rangeWords(part.first, part.last)}, which ${rangeWords(there, there + size)} of ` +
      `${spaceWords(moment, other.ioas)} maps since version ${other.version}`,
  );
  return "done";
}

function isLiving(state: ContextState, piece: SourcePiece): boolean {
  const { iova, version } = piece;
  const last = iova + (piece.last - piece.first);
  return state.space(piece.ioas).areas.someIn(iova, last, (_first, _last, of) => of === version);
}

/** Which source bytes of `[first, last]` the mapping still holds: it may be unmapped, or cut. */
function livingParts(state: ContextState, piece: SourcePiece, first: bigint, last: bigint): SourceRange[] {
  const parts: SourceRange[] = [];
  const from = piece.iova + (first - piece.first);
  const to = piece.iova + (last - piece.first);
  state.space(piece.ioas).areas.someIn(from, to, (areaFirst, areaLast, version) => {
    if (version !== piece.version) return false;
    const held = sharedRange(areaFirst, areaLast, from, to);
    parts.push({ first: piece.first + (held.first - piece.iova), last: piece.first + (held.last - piece.iova) });
    return false;
  });
  return parts;
}

/**
 * A file descriptor and a user address mean something within one process only; a copy has the user
 * address of what it copies. Physical runs are pieces beside them.
 */
function piecesOf({ source, first: iova, last, ioas, actor, version }: Moment): SourcePiece[] {
  const pieces: SourcePiece[] = [];
  const add = (key: string, first: bigint, at = iova, length = last - iova): void => {
    pieces.push({ key, first, last: first + length, ioas, iova: at, version });
  };
  const process = actor?.pid == null ? "" : ` of pid ${actor.pid}`;
  if (source.kind === "file" || source.kind === "dmabuf") add(`${source.kind} fd ${source.fd}${process}`, source.start);
  if (source.kind === "va" || source.kind === "copy") add(`va${process}`, source.va);
  if (source.kind === "gpa") add("gpa", source.gpa);
  if (source.kind === "paddr" && source.runs === undefined) add("paddr", source.paddr);
  for (const run of source.runs ?? []) add("paddr", run.paddr, run.iova, run.length - 1n);
  return pieces;
}
