import type { ContextState } from "@ioasis/core";
/** Hash of the state without kernel ids and host addresses (see CONTRACT `spaceDigest`), 64 hex digits. */
export declare function spaceDigest(state: ContextState): string;
