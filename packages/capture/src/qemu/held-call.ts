/**
 * A call whose outcome a later line decides.
 *
 * QEMU logs a listener's request before the ioctl and says nothing when it succeeds; it logs an
 * iommufd ioctl after it, with 0 or -1, and the errno only in an error message behind that. So the
 * newest such call waits: an error message about its range refuses it, any other line about address
 * spaces settles it.
 */
import {
  iova as asIova,
  byteLength,
  type Errno,
  type Fact,
  fits,
  type KernelRef,
  lastOf,
  type ObservedEvent,
  type ProfileName,
  type Prot,
  type Source,
  UNKNOWN_SOURCE,
} from "@ioasis/core";
import type { Direction, Message } from "./message.ts";
import type { Origin, TraceLine } from "./trace-line.ts";

/** Lines about other things that may stand between a call and its error message. */
const LINES_BETWEEN_MAX = 64;

export interface Call {
  readonly context: string;
  readonly profile: ProfileName;
  readonly ioas: KernelRef;
  readonly direction: Direction;
  /** Null: an error message came without saying which call failed. */
  readonly iova: bigint | null;
  readonly length: bigint;
  readonly prot: Prot;
  readonly source: Source;
  /** Done unless an error message follows; otherwise it has failed and only the errno is open. */
  readonly outcome: "done-unless-refused" | "refused";
  /** How the event reads when the call was done. */
  readonly done?: () => ObservedEvent;
}

export class HeldCall {
  #call: Call | null = null;
  #origin: Origin | null = null;
  #errno: Errno | null = null;
  /** Line of the newest message about the call. */
  #errorLine = 0;
  /**
   * A line was seen that tells what became of a map or unmap, so that the listener's lines about
   * the same ranges are no news.
   */
  isToldByBackend = false;

  hold(call: Call, line: TraceLine): void {
    this.settle(line);
    this.#call = call;
    this.#origin = line.origin();
    this.#errno = null;
    this.#errorLine = line.number;
  }

  /** Another line showed that the call is told elsewhere, or was never made. */
  drop(): void {
    this.#call = null;
  }

  /** A backend tells of a call for `iova`, which the listener had announced one line before. */
  supersede(iova: bigint, line: TraceLine): void {
    this.isToldByBackend = true;
    if (this.#call?.outcome === "done-unless-refused" && this.#call.iova === iova) this.drop();
    else this.settle(line);
  }

  /** A line about something else went by. */
  tick(line: TraceLine): void {
    if (this.#call !== null && line.number - this.#errorLine > LINES_BETWEEN_MAX) this.settle(line);
  }

  /** No message will come any more: the call ended as far as the lines so far tell. */
  settle(line: TraceLine): void {
    const call = this.#call;
    if (call === null) return;
    this.#call = null;
    const { stamp, actor, line: number } = this.#origin as Origin;
    const { context, profile } = call;
    if (call.outcome === "done-unless-refused" && this.#errno === null && call.done !== undefined)
      line.settle({ context, profile, event: call.done(), errno: null, stamp, actor, line: number });
    else line.settle(this.#refusal(call, this.#errno ?? "UNKNOWN", this.#errorLine));
  }

  /** Whether the message was about the call; what it says is taken in. */
  take(message: Message, line: TraceLine): boolean {
    const call = this.#call;
    if (call === null) return false;
    switch (message.kind) {
      case "failed":
        if (call.direction !== message.direction || this.#errno !== null) return false;
        this.#errno = message.errno;
        this.#errorLine = line.number;
        return true;
      case "returned": {
        if (call.direction !== message.direction) return false;
        if (call.iova !== null && (call.iova !== message.iova || call.length !== message.length)) return false;
        this.#call = null;
        const source: Source = message.va === null ? call.source : { kind: "va", va: message.va };
        const { iova, length } = message;
        const told = call.iova === null ? { ...call, iova, length, source } : call;
        line.settle({ ...this.#refusal(told, message.errno, line.number), ...contradiction(message) });
        return true;
      }
      case "gave-up":
        if (this.#errno === null && call.direction === "map") {
          this.#errno = "UNKNOWN";
          this.#errorLine = line.number;
        }
        return true;
      case "outside":
        return false;
    }
  }

  #refusal(call: Call, errno: Errno, number: number): Fact {
    const { stamp, actor } = this.#origin as Origin;
    return { context: call.context, profile: call.profile, event: refused(call), errno, stamp, actor, line: number };
  }
}

/** An error message that disagrees with itself: the number counts (QEMU printed a stale errno's text). */
export function contradiction(message: Message): Pick<Fact, "drift"> {
  if (message.kind !== "returned" || message.contradiction === null) return {};
  const expected = `the text of ${message.errno}`;
  return { drift: { rule: "errno-text-disagrees", expected, observed: message.contradiction } };
}

/** The event of a call that failed. */
export function refused(call: Omit<Call, "outcome">): ObservedEvent {
  const length = byteLength(call.length);
  if (call.direction === "map") {
    const iova = call.iova === null ? null : asIova(call.iova);
    return { type: "MapRefused", ioas: call.ioas, iova, length, prot: call.prot, source: call.source };
  }
  if (call.iova !== null) return { type: "UnmapRefused", ioas: call.ioas, iova: asIova(call.iova), length };
  return { type: "CallRefused", call: "unmap", detail: "the record does not say which range" };
}

/** A mapping of `length` bytes from `first`, or null when it would not fit into 64 bits. */
export function mapped(
  ioas: KernelRef,
  first: bigint,
  length: bigint,
  prot: Prot = "unknown",
  source: Source = UNKNOWN_SOURCE,
): ObservedEvent | null {
  const start = asIova(first);
  return fits(start, length)
    ? { type: "IovaMapped", ioas, iova: start, last: lastOf(start, length), prot, source }
    : null;
}
