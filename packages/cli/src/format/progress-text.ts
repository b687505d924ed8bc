/** How far a long operation is, in one line for people. Pure: the clock is the caller's. */

export interface Progress {
  /** What is worked on: a file, a context. Shortened where the line would be too long. */
  readonly label: string;
  /** Bytes taken, and how many there are; null: nobody can tell. */
  readonly bytes: number;
  readonly bytesTotal: number | null;
  /** What is counted; of the first, the rate is shown. */
  readonly counts: readonly { readonly count: number; readonly unit: string }[];
  /** Seconds since it began. */
  readonly seconds: number;
}

/** A redrawn line must not wrap. */
const LENGTH_MAX = 79;
const LABEL_LENGTH_MIN = 8;
/** Before, a rate says little about the rest. */
const SECONDS_MIN = 0.5;

/** `trace.txt: 42 % of 1.0 GiB, 512 k lines/s, 3.18 M events, 14 s left`. */
export function progressText({ label, bytes, bytesTotal, counts, seconds }: Progress): string {
  const [first, ...others] = counts;
  const isKnown = bytesTotal !== null && bytesTotal > 0;
  const part = isKnown ? Math.min(bytes / bytesTotal, 1) : 0;
  const parts = [
    isKnown ? `${Math.floor(part * 100)} % of ${bytesText(bytesTotal)}` : bytesText(bytes),
    first === undefined ? "" : `${countText(first.count / Math.max(seconds, 0.001))} ${first.unit}/s`,
    ...others.map(({ count, unit }) => `${countText(count)} ${unit}`),
    isKnown && part > 0 && seconds >= SECONDS_MIN ? `${durationText((seconds / part) * (1 - part))} left` : "",
  ];
  const rest = parts.filter((text) => text !== "").join(", ");
  const room = Math.max(LABEL_LENGTH_MIN, LENGTH_MAX - rest.length - 2);
  return `${label.length <= room ? label : `...${label.slice(3 - room)}`}: ${rest}`.slice(0, LENGTH_MAX);
}

/** `17 B`, `3.5 MiB`, `128 MiB`. */
function bytesText(bytes: number): string {
  return scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
}

/** `812`, `51.2 k`, `3.18 M`. */
function countText(count: number): string {
  return scaled(Math.round(count), 1000, ["", "k", "M", "G", "T"]);
}

/** Three digits that count, and the unit they are in. */
function scaled(value: number, step: number, units: readonly string[]): string {
  let index = 0;
  let rest = value;
  for (; rest >= 999.5 && index < units.length - 1; index++) rest /= step;
  const digits = index === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return `${rest.toFixed(digits)} ${units[index]}`.trimEnd();
}

/** `8 s`, `3 min 20 s`, `2 h 5 min`. */
function durationText(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
