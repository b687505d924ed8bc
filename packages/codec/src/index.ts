/** Bytes: blocks of events, canonical events and their digest, snapshots. Runs in node and in a browser. */
export { blockHash, decodeBlock, decodeHeader, encodeBlock } from "./block.ts";
export { type BlockHeader, peekHeader, ROWS_MAX } from "./block-header.ts";
export { HANDLE_MAX } from "./checks.ts";
export { Digest, EMPTY_DIGEST, LEAF_VERSIONS } from "./digest.ts";
export { eventProblem, rangeProblem } from "./event-check.ts";
export { pack, unpack } from "./pack.ts";
export { decodeModel, encodeModel, type StoredModel, sealModel } from "./saved-model.ts";
export { decodeSnapshot, encodeSnapshot, type Snapshot } from "./snapshot.ts";
export { spaceDigest } from "./space-digest.ts";
