/** Bytes: blocks of events, canonical events and their digest, snapshots. Runs in node and in a browser. */
export { blockHash, decodeBlock, decodeHeader, encodeBlock } from "./block.ts";
export { type BlockHeader, peekHeader, ROWS_MAX } from "./block-header.ts";
export {
  type ChapterDirectory,
  type ChapterHead,
  encodeChapter,
  MARK_ACTOR,
  MARK_CLOCK,
  MARK_COLUMNS,
  MARK_ERRNO,
  MARK_TICKS,
  PAGE_ROWS,
  type PageDirectory,
  ROW_COLUMNS,
  ROW_CUT,
  ROW_END_LEARNS,
  ROW_ENDED,
  ROW_FD,
  ROW_HOW,
  ROW_IOAS,
  ROW_IOVA,
  ROW_KIND_MAP_REFUSED,
  ROW_KIND_MAPPED,
  ROW_KIND_MASK,
  ROW_KIND_RECORD,
  ROW_KIND_UNMAP_REFUSED,
  ROW_KIND_UNMAPPED,
  ROW_LEARNS,
  ROW_RUNS,
  ROW_SIZE,
  ROW_TOOK_NOTHING,
  ROW_TRAITS,
  ROW_UNMAPPED_WHOLE,
  ROW_VALUE,
  ROW_VERSION,
  type RowPage,
  readChapter,
  readPage,
  ZONE_SHIFT,
} from "./chapter.ts";
export { ChapterMarks } from "./chapter-marks.ts";
export { ChapterRows, NOT_ENDED } from "./chapter-rows.ts";
export { HANDLE_MAX } from "./checks.ts";
export { Digest, EMPTY_DIGEST, LEAF_VERSIONS } from "./digest.ts";
export { eventProblem, rangeProblem } from "./event-check.ts";
export { pack, unpack } from "./pack.ts";
export type { PackedPage } from "./packed-page.ts";
export { readRunList } from "./run-list.ts";
export { decodeModel, encodeModel, type StoredModel, sealModel } from "./saved-model.ts";
export { decodeSnapshot, encodeSnapshot, type Snapshot, snapshotSteps } from "./snapshot.ts";
export { spaceDigest } from "./space-digest.ts";
