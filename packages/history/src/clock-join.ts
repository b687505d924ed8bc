/**
 * Reads one clock by another.
 *
 * printk, ftrace's `local`, `global`, `uptime`, `mono` and `boot`, perf and bpftrace's `nsecs` all count
 * seconds since the machine started and differ by milliseconds (and by time asleep). The wall clock
 * is tied to one of them only where the recording says so (`ClockAnchored`).
 */
import { type Decimal, minus, plus, type Stamp, ticksAt } from "@ioasis/core";
import type { Anchor } from "./clocks.ts";

const SINCE_BOOT: ReadonlySet<string> = new Set([
  "trace",
  "local",
  "global",
  "uptime",
  "mono",
  "mono_raw",
  "boot",
  "perf",
  "dmesg",
]);

export interface Joined {
  readonly clock: string;
  readonly seconds: Decimal;
  /** What the reading rests on; null: it is the same clock. */
  readonly assumption: string | null;
}

/** `stamp` as a reading of one of `clocks`, the first that can be had; null when none can. */
export function joinClock(stamp: Stamp, clocks: readonly string[], anchors: readonly Anchor[]): Joined | null {
  if (clocks.includes(stamp.clock)) return { clock: stamp.clock, seconds: stamp, assumption: null };
  const sinceBoot = SINCE_BOOT.has(stamp.clock) ? clocks.find((clock) => SINCE_BOOT.has(clock)) : undefined;
  if (sinceBoot !== undefined)
    return {
      clock: sinceBoot,
      seconds: stamp,
      assumption: `the clocks "${stamp.clock}" and "${sinceBoot}" were joined directly: both count seconds since boot, provided that both records are of the same boot; they may differ by some milliseconds`,
    };
  for (const clock of clocks) {
    const anchor = nearestAnchor(stamp, clock, anchors);
    if (anchor === null) continue;
    const isBack = clock === "realtime";
    const seconds = isBack
      ? plus(minus(stamp, anchor.seconds), anchor.realtime)
      : plus(minus(stamp, anchor.realtime), anchor.seconds);
    return {
      clock,
      seconds,
      assumption: `"${stamp.clock}" was read as "${clock}" by the recording's own anchor between "${anchor.clock}" and the wall clock`,
    };
  }
  return null;
}

/** The anchor next to `stamp` that ties its clock to `clock`; one of the two is the wall clock. */
function nearestAnchor(stamp: Stamp, clock: string, anchors: readonly Anchor[]): Anchor | null {
  const other = clock === "realtime" ? stamp.clock : stamp.clock === "realtime" ? clock : null;
  if (other === null) return null;
  let nearest: { anchor: Anchor; distance: bigint } | null = null;
  for (const anchor of anchors) {
    if (anchor.clock !== other && !(SINCE_BOOT.has(anchor.clock) && SINCE_BOOT.has(other))) continue;
    const apart = ticksAt(minus(stamp, clock === "realtime" ? anchor.seconds : anchor.realtime), 9);
    const distance = apart < 0n ? -apart : apart;
    if (nearest === null || distance < nearest.distance) nearest = { anchor, distance };
  }
  return nearest?.anchor ?? null;
}
