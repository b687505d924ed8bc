/**
 * Lines of a trace that speak about the recording itself: markers written by user space, clock
 * anchors among them, and events that the recorder lost.
 */
import type { ObservedEvent } from "@ioasis/core";

type Note = ObservedEvent & { readonly type: "BookmarkSet" | "ClockAnchored" | "EventsLost" };

const SYNC = /^ioasis_sync realtime=(\d+(?:\.\d+)?)(?: mono=(\d+(?:\.\d+)?))?(?: boot=(\d+(?:\.\d+)?))?\s*$/;
const OVERRUN = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+)/;
const LOST = /^(?:CPU:?\s*(\d+) )?\[(?:LOST(?: (\d+))? EVENTS|(?:(\d+) )?EVENTS DROPPED)\]\s*$/;
const PERF_LOST = /PERF_RECORD_LOST(?:_SAMPLES)?\s*:? lost (\d+)/;
const PERF_CHUNKS = /^\s*Processed \d+ events and lost (\d+) chunks/;
const BOOKMARK_LENGTH_MAX = 256;

/**
 * The text of a `tracing_mark_write` record (trace_marker), which trace-cmd prints as
 * `print: tracing_mark_write: text` and raw as `print: ip=... buf=text`. An `ioasis_sync` line is
 * what the recorders write at both ends: one moment on two clocks.
 */
export function markNote(body: string): Note | null {
  const text = body
    .replace(/^(?:tracing_mark_write: |ip=\S+ buf=)/, "")
    .trim()
    .slice(0, BOOKMARK_LENGTH_MAX);
  if (text === "") return null;
  const sync = SYNC.exec(text);
  if (sync === null) return { type: "BookmarkSet", name: text };
  const [, realtime = "", mono, boot] = sync;
  if (mono !== undefined) return { type: "ClockAnchored", clock: "mono", seconds: mono, realtime };
  return boot === undefined ? null : { type: "ClockAnchored", clock: "boot", seconds: boot, realtime };
}

/** A header that shows that the ring overflowed before it was read: the oldest events are gone. */
export function overrunNote(header: string): Note | null {
  const match = OVERRUN.exec(header);
  if (match === null) return null;
  const lost = Number(match[2]) - Number(match[1]);
  if (!Number.isSafeInteger(lost) || lost <= 0) return null;
  return { type: "EventsLost", count: lost, what: "ring buffer overrun before the first record" };
}

/** What ftrace, trace-cmd and perf print where events are missing; null: another line. */
export function lostNote(text: string): Note | null {
  const lost = LOST.exec(text);
  if (lost !== null) {
    const count = lost[2] ?? lost[3];
    const what = lost[1] === undefined ? "trace events" : `trace events of CPU ${lost[1]}`;
    return { type: "EventsLost", count: count === undefined ? null : Number(count), what };
  }
  const records = PERF_LOST.exec(text);
  if (records !== null) return { type: "EventsLost", count: Number(records[1]), what: "perf records" };
  return PERF_CHUNKS.test(text) ? { type: "EventsLost", count: null, what: "chunks of the perf recording" } : null;
}
