/** Node's own SHA-256 and inflate. */
import { createHash, type Hash } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import type { Hasher, Platform } from "./platform.ts";

export const platform: Platform = {
  sha256: () => hasher(createHash("sha256")),
  inflate(bytes, length) {
    // A plain array: what is made of a Buffer's slices would be Buffers too.
    const { buffer, byteOffset, byteLength } = inflateRawSync(bytes, { maxOutputLength: Math.max(1, length) });
    return new Uint8Array(buffer, byteOffset, byteLength);
  },
};

function hasher(hash: Hash): Hasher {
  return {
    update: (bytes) => void hash.update(bytes),
    copy: () => hasher(hash.copy()),
    digest: () => new Uint8Array(hash.digest()),
  };
}
