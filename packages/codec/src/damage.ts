/** How this package reports bytes that it cannot read. */
import { IoasisError } from "@ioasis/core";

/** Bytes that are not what they claim to be; `what` names the part and what is wrong with it. */
export function damaged(what: string, at: Readonly<Record<string, string | number>> = {}): IoasisError {
  return new IoasisError("ERR_BLOCK", `damaged bytes: ${what}`, at);
}

/** Well-formed bytes of a format that this program does not know yet. */
export function newer(what: string, found: number, known: number): IoasisError {
  return new IoasisError(
    "ERR_NEWER",
    `${what} format ${found} was written by a newer version (this one reads up to ${known}): use a newer ioasis`,
    { format: found, known },
  );
}

/** Runs a reader of some library; whatever it throws becomes damage of `what`. */
export function guarded<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof IoasisError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new IoasisError("ERR_BLOCK", `damaged bytes: ${what}: ${reason}`, {}, { cause: error });
  }
}
