/**
 * A kernel trace of any size, made from a recorded one: the recording again and again, as one valid
 * history.
 *
 * Each round plays the recording later, by another process, at other addresses (IOVAs by a multiple of
 * 4 GiB, physical ones by a multiple of 2 MiB; a round is drawn from a seed, so that equal arguments
 * give equal bytes). What a round finds mapped before its first line it maps first, and what it leaves
 * mapped it unmaps at its end, so that no round contradicts another. Takes recordings whose unmaps take
 * what one map made (the DMA API's do).
 */

export interface SyntheticTraceOptions {
  /** The trace ends with the last line that fits. */
  readonly bytes: number;
  /** Default 1. */
  readonly seed?: number;
}

const CHUNK_CHARS = 1 << 18;
const RECORD =
  /^(\s*)(.*)-(\d+)(\s+\[\d+\].*\s)(\d+)\.(\d{6}): (map|unmap): IOMMU: iova=0x([0-9a-f]{16}) - 0x[0-9a-f]{16} (?:paddr=0x([0-9a-f]{16}) )?size=(\d+)(?: unmapped_size=\d+)?$/;
const IOVA_STEP = 2 ** 32;
const IOVA_STEPS = 64;
const PADDR_STEP = 2 ** 21;
const PADDR_STEPS = 4096;
const TASKS = 512;
/** Between the lines that open and close a round: too far apart to be taken for runs of one mapping. */
const SEAM_MICROSECONDS = 10;
const BETWEEN_ROUNDS_MICROSECONDS = 1_000_000;

interface Line {
  readonly comm: string;
  readonly tid: number;
  /** Everything between the tid and the time stamp. */
  readonly columns: string;
  readonly microseconds: number;
  readonly iova: number;
  /** Null: an unmap. */
  readonly paddr: number | null;
  readonly size: number;
}

/** One round: where its addresses, times and tasks go. */
interface Shift {
  readonly iova: number;
  readonly paddr: number;
  readonly tid: number;
  readonly microseconds: number;
}

/** @yields text of whole lines, about a quarter of a MiB each */
export function* syntheticTrace(recording: string, { bytes, seed = 1 }: SyntheticTraceOptions): Generator<string> {
  const lines = recording.split("\n");
  const round = wholeRound(lines.flatMap((line) => parsed(line) ?? []));
  const [first, last] = [round[0], round.at(-1)];
  if (first === undefined || last === undefined) return;
  const period = last.microseconds - first.microseconds + BETWEEN_ROUNDS_MICROSECONDS;
  const random = randomOf(seed);
  let text = "";
  let left = bytes;
  for (const line of lines.filter((line) => line.startsWith("#") && !line.includes("entries-in-buffer"))) {
    if (line.length + 1 > left) break;
    left -= line.length + 1;
    text += `${line}\n`;
  }
  for (let number = 0; ; number++) {
    const shift: Shift = {
      iova: (random() % IOVA_STEPS) * IOVA_STEP,
      paddr: (random() % PADDR_STEPS) * PADDR_STEP,
      tid: random() % TASKS,
      microseconds: number * period,
    };
    for (const line of round) {
      const printed = print(line, shift);
      if (printed.length > left) {
        yield text;
        return;
      }
      left -= printed.length;
      text += printed;
      if (text.length < CHUNK_CHARS) continue;
      yield text;
      text = "";
    }
  }
}

/** The recording with what was mapped before it in front, and an unmap of everything it leaves behind it. */
function wholeRound(lines: readonly Line[]): Line[] {
  const mapped = new Map<number, Line>();
  const found: Line[] = [];
  for (const line of lines) {
    if (line.paddr !== null) mapped.set(line.iova, line);
    else if (!mapped.delete(line.iova)) found.push({ ...line, paddr: line.iova });
  }
  const start = (lines[0]?.microseconds ?? 0) - found.length * SEAM_MICROSECONDS;
  const end = lines.at(-1)?.microseconds ?? 0;
  const before = found.map((line, i) => ({ ...line, microseconds: start + i * SEAM_MICROSECONDS }));
  const after = [...mapped.values()].map((line, i) => ({
    ...line,
    paddr: null,
    microseconds: end + (i + 1) * SEAM_MICROSECONDS,
  }));
  return [...before, ...lines, ...after];
}

function parsed(text: string): Line | null {
  const match = RECORD.exec(text);
  if (match === null) return null;
  const [, , comm = "", tid, columns = "", seconds, fraction, , iova = "", paddr, size] = match;
  return {
    comm,
    tid: Number(tid),
    columns: columns.trim(),
    microseconds: Number(seconds) * 1_000_000 + Number(fraction),
    iova: Number.parseInt(iova, 16),
    paddr: paddr === undefined ? null : Number.parseInt(paddr, 16),
    size: Number(size),
  };
}

/** As the kernel prints it: trace_print_context, and include/trace/events/iommu.h. */
function print({ comm, tid, columns, microseconds, iova, paddr, size }: Line, shift: Shift): string {
  const time = microseconds + shift.microseconds;
  const seconds = Math.floor(time / 1_000_000);
  const stamp = `${String(seconds).padStart(5)}.${String(time - seconds * 1_000_000).padStart(6, "0")}`;
  const first = iova + shift.iova;
  const range = `IOMMU: iova=0x${hex(first)} - 0x${hex(first + size)}`;
  const head = `${comm.padStart(16)}-${String(tid + shift.tid).padEnd(7)} ${columns} ${stamp}:`;
  if (paddr === null) return `${head} unmap: ${range} size=${size} unmapped_size=${size}\n`;
  return `${head} map: ${range} paddr=0x${hex(paddr + shift.paddr)} size=${size}\n`;
}

function hex(value: number): string {
  return value.toString(16).padStart(16, "0");
}

/** mulberry32: 32 bits a call, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
