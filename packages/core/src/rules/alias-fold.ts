/** `forbid alias across spaces`: a byte of one source is mapped in two spaces at once. */
import type { IoasHandle } from "../events.ts";
import type { ContextState } from "../state.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import type { Rule, RuleFold, RuleSink } from "./rule.ts";
import { sharedRange } from "./shared-range.ts";
import { SourceIndex, type SourcePiece, type Visit } from "./source-index.ts";
import { rangeWords, spaceWords } from "./wording.ts";

/** Entries that may be gone before they are looked for. */
const DEAD_ENTRIES_MAX = 4_096;

export function aliasFold(rule: Rule, sink: RuleSink): RuleFold {
  const index = new SourceIndex();
  let sweepAt = DEAD_ENTRIES_MAX;
  return {
    types: ["IovaMapped"],
    after(moment) {
      const pieces = piecesOf(moment);
      if (pieces.length === 0) sink.note(rule, moment.context, "some mappings do not tell their source");
      const told = new Set<IoasHandle>();
      for (const piece of pieces) {
        index.visitOthers(piece, (other) => met(rule, moment, sink, piece, other, told));
        index.add(piece);
      }
      if (index.size < sweepAt) return;
      index.sweep((piece) => isLiving(moment.state, piece));
      sweepAt = 2 * index.size + DEAD_ENTRIES_MAX;
    },
  };
}

/** One violation for each other space, naming the first shared bytes found. */
function met(
  rule: Rule,
  moment: Moment,
  sink: RuleSink,
  piece: SourcePiece,
  other: SourcePiece,
  told: Set<IoasHandle>,
): Visit {
  if (told.has(other.ioas)) return "done";
  const { first, last } = sharedRange(piece.first, piece.last, other.first, other.last);
  const part = livingPart(moment.state, other, first, last);
  if (part === null) return isLiving(moment.state, other) ? "more" : "gone";
  if (!appliesTo(rule, moment, { ioas: piece.ioas }, sink)) return "done";
  told.add(other.ioas);
  const here = piece.iova + (part.first - piece.first);
  const there = other.iova + (part.first - other.first);
  const size = part.last - part.first;
  sink.violation(
    rule,
    moment,
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

/** The first source bytes of `[first, last]` that the mapping still holds: it may be unmapped, or cut. */
function livingPart(state: ContextState, piece: SourcePiece, first: bigint, last: bigint) {
  const from = piece.iova + (first - piece.first);
  const to = piece.iova + (last - piece.first);
  let part: { readonly first: bigint; readonly last: bigint } | null = null;
  state.space(piece.ioas).areas.someIn(from, to, (areaFirst, areaLast, version) => {
    if (version !== piece.version) return false;
    const held = sharedRange(areaFirst, areaLast, from, to);
    part = { first: piece.first + (held.first - piece.iova), last: piece.first + (held.last - piece.iova) };
    return true;
  });
  return part as { readonly first: bigint; readonly last: bigint } | null;
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
