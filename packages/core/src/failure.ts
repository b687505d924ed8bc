/**
 * An operation failed for a reason outside the program (disk, network, lock, bad input).
 * Refusals of the model are values and bugs are assertions; neither is one of these.
 */
export const FAILURE_CODES = [
  "ERR_USAGE",
  "ERR_INPUT",
  /** A signal ended the operation; what it had made durable stays. */
  "ERR_INTERRUPTED",
  "ERR_NO_CONTEXT",
  "ERR_CONTEXT_EXISTS",
  "ERR_CONTEXT_AMBIGUOUS",
  "ERR_NOT_OWNER",
  "ERR_OWNER_HERE",
  "ERR_STALE",
  "ERR_VERSION",
  "ERR_BLOCK",
  "ERR_DAMAGED",
  "ERR_LOCKED",
  "ERR_NEWER",
  "ERR_DISK",
  "ERR_NETWORK",
  "ERR_PROTOCOL",
  /** Two histories of one epoch: a journal was copied and both copies were written. */
  "ERR_FORK",
  "ERR_LIMIT",
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

export class IoasisError extends Error {
  override readonly name = "IoasisError";
  readonly code: FailureCode;
  /** Where: file, offset, line, context, version, ... as far as it is known. */
  readonly at: Readonly<Record<string, string | number>>;

  constructor(
    code: FailureCode,
    message: string,
    at: Readonly<Record<string, string | number>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.at = at;
  }
}
