/**
 * Hands facts to the sink: those of the whole kernel under context "", those of calls under the
 * context of their container, notes about the recording under every context that lives.
 *
 * A context that opens later starts with the newest clock anchor, so that its times can be
 * compared with other recordings.
 */
import { type Errno, factOfRange, type Iova, type ObservedEvent, type ProfileName, RangeFact } from "@ioasis/core";
import type { FactSink } from "../decoder.ts";
import type { CallContext } from "./call-context.ts";
import type { Origin } from "./origin.ts";

/** Facts of one context that wait for its profile, and anchors that no context has taken yet. */
const HELD_MAX = 4096;
const NOBODY: FactSink = { fact: () => undefined, problem: () => undefined };

export class FactWriter {
  sink: FactSink = NOBODY;
  /** The newest anchor; before any context opened, all of them. */
  #anchors: { readonly event: ObservedEvent; readonly origin: Origin }[] = [];
  #isTraceOpen: boolean;
  #isEmpty = true;
  readonly #living = new Set<CallContext>();
  readonly #range = new RangeFact();

  /** `isTraceOpen`: the recording is one of the whole kernel, whether or not it holds such events. */
  constructor(isTraceOpen: boolean) {
    this.#isTraceOpen = isTraceOpen;
  }

  /** A fact of the whole kernel's page tables. */
  trace(event: ObservedEvent, origin: Origin): void {
    this.#openTrace();
    this.#put("", "kernel-trace", event, origin, null);
  }

  /** The same of a mapping that is one run (`value`: its physical address), or of an unmap (the bytes that went). */
  traceRange(isMap: boolean, iova: bigint, last: bigint, value: bigint, { stamp, actor, line }: Origin): void {
    this.#openTrace();
    this.#isEmpty = false;
    const range = this.#range;
    range.profile = "kernel-trace";
    range.isMap = isMap;
    range.iova = iova as Iova;
    range.last = last as Iova;
    range.value = value;
    range.stamp = stamp;
    range.actor = actor;
    range.line = line;
    const { sink } = this;
    if (sink.range === undefined) sink.fact(factOfRange(range));
    else sink.range(range);
  }

  /** A fact of a call on `context`; waits there while the context's profile is not known. */
  call(context: CallContext, event: ObservedEvent, origin: Origin, errno: Errno | null = null): void {
    if (context.profile === null) {
      context.held.push({ event, origin, errno });
      if (context.held.length >= HELD_MAX) this.settle(context, "unknown");
      return;
    }
    this.#open(context, context.profile);
    this.#put(context.key, context.profile, event, origin, errno);
  }

  /** The profile is known now: gives out what waited for it. */
  settle(context: CallContext, profile: ProfileName): void {
    if (context.profile !== null) return;
    context.profile = profile;
    const { held } = context;
    context.held = [];
    for (const { event, origin, errno } of held) this.call(context, event, origin, errno);
  }

  /** A note about the recording itself. */
  note(event: ObservedEvent, origin: Origin): void {
    if (event.type === "ClockAnchored") {
      if (!this.#isEmpty || this.#anchors.length >= HELD_MAX) this.#anchors = [];
      this.#anchors.push({ event, origin });
    }
    for (const context of this.#living) this.call(context, event, origin);
    const waits = event.type === "ClockAnchored" || this.#living.size > 0;
    if (this.#isTraceOpen || !waits) this.#put("", "kernel-trace", event, origin, null);
  }

  /** The container is gone. What never came to a driver is given out as it is. */
  close(context: CallContext): void {
    this.settle(context, "unknown");
    this.#living.delete(context);
  }

  /** The recording ended: anchors that nothing followed are still facts. */
  finish(contexts: Iterable<CallContext>): void {
    for (const context of contexts) this.settle(context, "unknown");
    if (!this.#isEmpty) return;
    for (const { event, origin } of this.#anchors) this.#put("", "kernel-trace", event, origin, null);
  }

  problem(line: number, reason: string, isRecord = false): void {
    this.sink.problem(line, reason, isRecord);
  }

  #open(context: CallContext, profile: ProfileName): void {
    if (context.isOpen) return;
    context.isOpen = true;
    this.#living.add(context);
    this.#putAnchor(context.key, profile);
  }

  #openTrace(): void {
    if (this.#isTraceOpen) return;
    this.#isTraceOpen = true;
    this.#putAnchor("", "kernel-trace");
  }

  #putAnchor(context: string, profile: ProfileName): void {
    const anchor = this.#anchors.at(-1);
    if (anchor !== undefined) this.#put(context, profile, anchor.event, anchor.origin, null);
  }

  #put(context: string, profile: ProfileName, event: ObservedEvent, origin: Origin, errno: Errno | null): void {
    const { stamp, actor, line } = origin;
    this.#isEmpty = false;
    this.sink.fact({ context, profile, event, errno, stamp, actor, line });
  }
}
