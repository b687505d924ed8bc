/**
 * Churn: pages are mapped in random order until so many are live, then one is unmapped and another
 * mapped, again and again. Endless; what it needs of memory follows from the live pages alone.
 */
import { byteLength, type EventBatch, type IoasEvent, type Iova } from "@ioasis/core";
import { PAGE_BYTES, pageAddresses, type Spread } from "./pages.ts";
import { type Random, seededRandom } from "./random.ts";

/** Twice as many pages as are live at most. */
const PAGES_PER_LIVE = 2;
const VA = 0x7f00_0000_0000n;
const ACTOR = { comm: "qemu-system-x86", pid: 4_711, tid: 4_712, cpu: null, flags: null } as const;
const UNMAPPED_BYTES = byteLength(PAGE_BYTES);

export function churnText(live: number, spread: Spread = "dense"): string {
  return `churn of ${spread === "dense" ? "neighbouring pages" : "pages over 48 bits"}, ${live.toLocaleString("en")} live`;
}

export class Churn {
  readonly live: number;
  /** Addresses of all its pages, mapped or not. */
  readonly addresses: BigUint64Array;
  readonly #random: Random;
  /** Page numbers: the mapped ones, then the free ones. */
  readonly #pages: Uint32Array;
  #mapped = 0;
  /** The page of the newest step. */
  page = 0;
  isMap = true;

  constructor(live: number, spread: Spread = "dense", seed = 42) {
    this.live = live;
    this.addresses = pageAddresses(live * PAGES_PER_LIVE, spread);
    this.#pages = Uint32Array.from(this.addresses, (_, page) => page);
    this.#random = seededRandom(seed);
  }

  /** Goes on by one event, told by `page` and `isMap`. */
  step(): void {
    const pages = this.#pages;
    this.isMap = this.#mapped < this.live;
    const from = this.isMap ? this.#mapped + this.#random(pages.length - this.#mapped) : this.#random(this.#mapped);
    // The one that changes sides goes to the border, and the border moves over it.
    const border = this.isMap ? this.#mapped++ : --this.#mapped;
    this.page = pages[from] as number;
    pages[from] = pages[border] as number;
    pages[border] = this.page;
  }

  /** The newest step as an event. */
  event(): IoasEvent {
    const iova = this.addresses[this.page] as Iova;
    const last = (iova + PAGE_BYTES - 1n) as Iova;
    if (!this.isMap) return { type: "IovaUnmapped", ioas: 0, iova, last, bytes: UNMAPPED_BYTES };
    return { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "va", va: VA + iova } };
  }

  /** Fills what is left of `batch`, ten microseconds an event. */
  fill(batch: EventBatch): void {
    while (!batch.isFull) {
      this.step();
      const ticks = BigInt(batch.lastVersion + 1) * 10n;
      const stamp = { clock: "guest", ticks, decimals: 6 };
      batch.push(this.event(), { stamp, actor: ACTOR, errno: null, line: 0 });
    }
  }
}
