/** Every bound of the journal in one place. Bytes unless the name says otherwise. */

/** A segment file is closed and the next one begun before it grows beyond this. */
export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
/**
 * The newest segment grows by this much at once, filled with zeros: a sync that changes no length is cheaper. What is
 * left of them is cut off when the segment is closed; after a crash it is there, and ends the segment cleanly.
 */
export const GROWTH_BYTES = 32 * 1024;
/** One frame's payload: a block, a record. Larger appends are refused with ERR_LIMIT. */
export const PAYLOAD_BYTES_MAX = 32 * 1024 * 1024;
/** A commit group takes no further append once it is this large; one write and one fdatasync. */
export const GROUP_BYTES_MAX = 8 * 1024 * 1024;
/** Appends that wait for the disk. A caller that awaits its appends never comes near. */
export const QUEUE_BYTES_MAX = 256 * 1024 * 1024;
/** Rows of one append; what a block holds. */
export const BATCH_ROWS_MAX = 65_536;
export const CONTEXTS_MAX = 65_536;
/** UTF-16 code units of a context's name. */
export const NAME_LENGTH_MAX = 255;
/** Segment files held open for reading. */
export const OPEN_SEGMENTS_MAX = 64;
/** Pages of the block directory kept: a page lists some neighbouring blocks of a context. */
export const PAGES_KEPT_MAX = 64;
/** A page of the block directory lists no more blocks than this, ... */
export const PAGE_BLOCKS_MAX = 256;
/** ... ends when they take this much, ... */
export const PAGE_BYTES_MAX = 256 * 1024;
/** ... and when so much of the log was written since it began (times the number of contexts), whoever wrote it. */
export const PAGE_DISTANCE_MAX = 256 * 1024;
/** Rows that come into a chapter of the history index before it ends, at least. */
export const CHAPTER_ROWS_MIN = 65_536;
/** Files of the history index held open for reading. */
export const OPEN_CHAPTERS_MAX = 128;
/** Decoded blocks kept, so that looking at neighbouring versions decodes a block once. */
export const DECODED_BLOCKS_MAX = 8;

/**
 * A snapshot, or an engine's saved model, is taken when replaying what came after the newest one is this much work, and
 * with many mappings some share of their number (snapshots: half): then opening replays no more than that, and they
 * are a fixed share of what appending costs. The work
 * of an event is 1, that of the block that it is in SNAPSHOT_BLOCK_WORK.
 */
export const SNAPSHOT_WORK = 65_536;
export const SNAPSHOT_BLOCK_WORK = 128;
/** At a clean close one is taken when this much work came after the newest one. */
export const SNAPSHOT_CLOSE_WORK = 8_192;
/** Snapshots, and saved models, kept of a context. */
export const SNAPSHOTS_KEPT_MAX = 3;

/**
 * The catalog is saved when the log behind its last checkpoint is this much work to fold, and at a clean close when it
 * is half of it: a journal with less is folded whole at every opening. The work of a frame is its bytes, which are
 * hashed, and as much as CHECKPOINT_FRAME_WORK of them.
 */
export const CHECKPOINT_WORK = 8 * 1024 * 1024;
export const CHECKPOINT_FRAME_WORK = 8 * 1024;
