/** Bounds of everything that a peer can make this process hold. */

export const MIB = 1024 * 1024;

/** One frame, encoded. */
export const FRAME_BYTES_MAX = 16 * MIB;
/** Frames that wait to leave before `send` waits too. */
export const OUTGOING_BYTES_MAX = 8 * MIB;
/** Frames that arrived and were not taken before the transport stops reading. */
export const INCOMING_FRAMES_MAX = 256;
export const INCOMING_BYTES_MAX = 32 * MIB;

/** Blocks asked for and not yet here. */
export const WANTED_BLOCKS_MAX = 64;
export const WANTED_BYTES_MAX = 8 * MIB;
/** A `blocks` frame is sent once it holds so much; one larger block travels alone. */
export const BLOCKS_FRAME_BYTES = 1 * MIB;
/** Wants of one peer and context that wait to be answered. */
export const WAITING_WANTS_MAX = 64;

/** Manifests in one page of the ledger: Automerge's cost per change grows with the document. */
export const PAGE_MANIFESTS = 256;
/** Documents of one context's ledger (a page holds 256 blocks, so this is 16 M blocks). */
export const DOCUMENTS_MAX = 65_536;
export const EPOCHS_MAX = 65_536;

/** Both sides say hello within this time or the connection is closed. */
export const HELLO_MS_MAX = 10_000;
export const PING_INTERVAL_MS = 5_000;
/** Nothing heard for so long (no frame, no pong): the peer is gone. */
export const SILENCE_MS_MAX = 20_000;
export const CONNECT_MS_MAX = 10_000;
/** How often a publication looks whether its journal has grown. */
export const POLL_MS = 20;
/** A replica writes its acknowledgement into the ledger at most this often. */
export const LEDGER_ACK_MS = 1_000;
