/**
 * Lines of a trace that speak about the recording itself: markers written by user space, clock
 * anchors among them, and events that the recorder lost.
 */
import type { ObservedEvent } from "@ioasis/core";

type Note = ObservedEvent & { readonly type: "BookmarkSet" | "ClockAnchored" | "EventsLost" };

const SYNC = /^ioasis_sync realtime=(\d+(?:\.\d+)?)(?: mono=(\d+(?:\.\d+)?))?(?: boot=(\d+(?:\.\d+)?))?\s*$/;
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
