/** Every bound of the journal in one place. Bytes unless the name says otherwise. */

/** A segment file is closed and the next one begun before it grows beyond this. */
export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
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
/** Rows that come into a chapter of the history index before it ends, at least. */
export const CHAPTER_ROWS_MIN = 65_536;
/** Files of the history index held open for reading. */
export const OPEN_CHAPTERS_MAX = 128;
/** Decoded blocks kept, so that looking at neighbouring versions decodes a block once. */
export const DECODED_BLOCKS_MAX = 8;

/** A snapshot is taken when this many events came after the newest one ... */
export const SNAPSHOT_EVENTS = 262_144;
/** ... and at a clean close when more than this many did. */
export const SNAPSHOT_CLOSE_EVENTS = 4_096;
/** Snapshots kept of a context. */
export const SNAPSHOTS_KEPT_MAX = 3;
