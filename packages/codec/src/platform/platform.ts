/**
 * What a machine does much faster than JavaScript can. `package.json` maps `#platform` to the adapter
 * for node or, anywhere else, to the portable one; both give the same bytes.
 */

export interface Hasher {
  update(bytes: Uint8Array): void;
  /** A second one that goes on from here. */
  copy(): Hasher;
  /** 32 bytes; the hasher is then spent. */
  digest(): Uint8Array;
}

export interface Platform {
  sha256(): Hasher;
  /** Raw deflate (RFC 1951) back into `length` bytes. Throws anything at all where that is not what comes out. */
  inflate(bytes: Uint8Array, length: number): Uint8Array;
}
