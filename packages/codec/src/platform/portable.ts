/** SHA-256 and inflate in JavaScript, for browsers. */
import { sha256 } from "@noble/hashes/sha2.js";
import { inflateSync } from "fflate";
import type { Hasher, Platform } from "./platform.ts";

export const platform: Platform = {
  sha256: () => hasher(sha256.create()),
  inflate: (bytes, length) => inflateSync(bytes, { out: new Uint8Array(length) }),
};

function hasher(hash: ReturnType<typeof sha256.create>): Hasher {
  return {
    update: (bytes) => void hash.update(bytes),
    copy: () => hasher(hash.clone()),
    digest: () => hash.digest(),
  };
}
