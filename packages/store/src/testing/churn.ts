/**
 * A history of any length in constant memory: `live` mappings are made, then one after the other is
 * unmapped and made again elsewhere. The same for the same numbers.
 */
import { EventBatch, TYPE_MAPPED, TYPE_UNMAPPED } from "@ioasis/core";
import type { Journal, Point } from "../journal.ts";

const PAGE = 0x1000n;
const MAPPED_TRAITS = 3 | (1 << 2); // rw, va
const VA = 0x7f00_0000_0000n;

export interface ChurnOptions {
  /** Events behind the one that makes the space. */
  readonly events: number;
  /** Mappings that live at a time, once so many have been made. */
  readonly live: number;
  /** Rows of one append. */
  readonly batchRows: number;
  /** Appends that may wait for the disk together. */
  readonly underWay: number;
  /** Called after each durable append with the version. */
  readonly onDurable?: (version: number) => void;
}

/** Events of a churn, batch by batch; each batch is filled when the one before was taken. */
export function* churnBatches({ events, live, batchRows }: ChurnOptions): Generator<EventBatch> {
  const first = new EventBatch(1, 1, 1);
  first.push({ type: "IoasAllocated", ioas: 0, kernelId: 7 }, { stamp: null, actor: null, errno: null, line: 0 });
  yield first;
  const pages = new Churn(live);
  for (let done = 0; done < events; ) {
    const rows = Math.min(batchRows, events - done);
    const batch = new EventBatch(1, done + 2, rows);
    const actors = ACTORS.map((actor) => batch.actorCode(actor));
    const clock = batch.clockCode("trace", 6);
    for (let row = 0; row < rows; row++) {
      batch.actor[row] = actors[(done + row) % actors.length] as number;
      batch.clock[row] = clock;
      pages.fill(batch, done + row);
    }
    done += rows;
    yield batch;
  }
}

/** Appends a churn to the new context `name`. @returns where its history ends */
export async function appendChurn(journal: Journal, name: string, options: ChurnOptions): Promise<Point> {
  const { head } = await journal.create(name, "iommufd");
  let last: Point = head;
  let waiting: Promise<void>[] = [];
  for (const batch of churnBatches(options)) {
    if (waiting.length >= options.underWay) await waiting.shift();
    const append = journal.append(name, batch).then((point) => {
      last = point;
      options.onDurable?.(point.version);
    });
    append.catch(() => undefined); // Told by the await above, or the one below.
    waiting.push(append);
  }
  await Promise.all(waiting);
  waiting = [];
  return last;
}

/** Which pages are mapped: half of twice as many as live. */
class Churn {
  readonly #live: number;
  readonly #mapped: Uint32Array;
  readonly #free: Uint32Array;
  #seed = 1;
  #slot = 0;

  constructor(live: number) {
    this.#live = live;
    this.#mapped = Uint32Array.from({ length: live }, (_, i) => 2 * i);
    this.#free = Uint32Array.from({ length: live }, (_, i) => 2 * i + 1);
  }

  /** Event `index` into the next row. */
  fill(batch: EventBatch, index: number): void {
    const row = batch.length++;
    const isMap = index < this.#live || (index - this.#live) % 2 === 1;
    if (index < this.#live) this.#slot = index;
    else if (isMap) this.#remap();
    else this.#slot = this.#random();
    const page = BigInt(this.#mapped[this.#slot] as number);
    batch.type[row] = isMap ? TYPE_MAPPED : TYPE_UNMAPPED;
    batch.traits[row] = isMap ? MAPPED_TRAITS : 0;
    batch.iova[row] = page * PAGE;
    batch.last[row] = page * PAGE + (PAGE - 1n);
    batch.value[row] = isMap ? VA + BigInt(this.#slot) * PAGE : PAGE;
    batch.fd[row] = -1;
    batch.extra[row] = -1;
    batch.ticks[row] = BigInt(index) * 3n + BigInt(this.#slot & 7);
    batch.line[row] = index + 1;
  }

  #remap(): void {
    const hole = this.#random();
    const page = this.#mapped[this.#slot] as number;
    this.#mapped[this.#slot] = this.#free[hole] as number;
    this.#free[hole] = page;
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 0x1_0000_0000) * this.#live);
  }
}

const ACTORS = Array.from({ length: 4 }, (_, cpu) => ({
  comm: "qemu-system-x86",
  pid: 4242,
  tid: null,
  cpu,
  flags: null,
}));
