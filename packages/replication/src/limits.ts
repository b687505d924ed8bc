/** Bounds of everything that a peer can make this process hold. */

export const MIB = 1024 * 1024;

/** One frame, encoded. */
export const FRAME_BYTES_MAX = 16 * MIB;
/** Frames that wait to leave before `send` waits too. */
export const OUTGOING_BYTES_MAX = 8 * MIB;
/** Frames that arrived and were not taken before the transport stops reading. */
export const INCOMING_FRAMES_MAX = 256;
export const INCOMING_BYTES_MAX = 32 * MIB;

/** A `blocks` frame is sent once it holds so much; one larger block travels alone. */
export const BLOCKS_FRAME_BYTES = 64 * 1024;
/** Blocks of one frame. */
export const FRAME_BLOCKS_MAX = 1_024;
/** Blocks sent and not yet acknowledged: no further frame leaves above this. */
export const UNACKED_BYTES_MAX = 1 * MIB;
/** Blocks taken and not yet durable: above this nothing further is taken from the peer. */
export const ADOPTING_BYTES_MAX = 2 * MIB;
/** What a `seal` may bring along of the blocks before it. */
export const TAIL_BYTES_MAX = 8 * MIB;

/** The ledger has a manifest of the block that holds every so-manieth version. */
export const MANIFEST_VERSIONS = 16_384;
/** Manifests in one page of the ledger: Automerge's cost per change grows with the document. */
export const PAGE_MANIFESTS = 256;
/** Documents of one context's ledger. */
export const DOCUMENTS_MAX = 65_536;
export const EPOCHS_MAX = 65_536;
/** Versions whose digests are asked for at a time, to find where two histories part. */
export const COMPARED_VERSIONS_MAX = 32;

/** Both sides say hello within this time or the connection is closed. */
export const HELLO_MS_MAX = 10_000;
export const PING_INTERVAL_MS = 5_000;
/** Nothing heard for so long (no frame, no pong): the peer is gone. */
export const SILENCE_MS_MAX = 20_000;
export const CONNECT_MS_MAX = 10_000;
/** How often a publication looks whether its journal has grown. */
export const POLL_MS = 20;
/** A replica writes its acknowledgement into the ledger at most this often: a document keeps every value it ever had. */
export const LEDGER_ACK_MS = 10_000;
