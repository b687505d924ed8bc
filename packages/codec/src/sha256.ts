/** SHA-256 of bytes that are all there. */
import { platform } from "#platform";

export function sha256(bytes: Uint8Array): Uint8Array {
  const hasher = platform.sha256();
  hasher.update(bytes);
  return hasher.digest();
}
