/** Random identities: of journals, contexts, imports. */
import { randomBytes } from "node:crypto";
import type { ReplicaId } from "./journal.ts";

const HOST_LENGTH_MAX = 63;

/** A new identity for a journal made on `host`. */
export function newReplicaId(host: string): ReplicaId {
  const name = host.replaceAll(/[^A-Za-z0-9.-]/g, "-").slice(0, HOST_LENGTH_MAX);
  return `${name === "" ? "host" : name}-${randomBytes(4).toString("hex")}`;
}

/** A new identity for a context: 32 hex digits. */
export function newContextId(): string {
  return randomBytes(16).toString("hex");
}

/** A new identity for an import: 32 hex digits. */
export function newImportId(): string {
  return randomBytes(16).toString("hex");
}
