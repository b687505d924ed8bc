/**
 * What a DPDK process does: thousands of hugepages mapped in sequence at its start, a long steady state in which
 * little comes and goes, all of it unmapped in reverse at its end; then the next process.
 */
import { byteLength, type IoasEvent, type Iova } from "@ioasis/core";
import { seededRandom } from "./random.ts";

const HUGE_PAGE_BYTES = 0x20_0000n;
const HUGE_PAGES = 8_192;
/** External memory that is registered and given back while packets flow (rte_dev_dma_map). */
const EXTRA_BYTES = 0x1_0000n;
const EXTRAS = 64;
const STEADY_EVENTS = 20_000;
/** Where DPDK puts its memory where it may choose (eal_get_baseaddr); IOVA as VA. */
const BASE = 0x1_0000_0000n;

/** `events` events at least. */
export function* burstsOfHugePages(events: number): Generator<IoasEvent> {
  yield { type: "IoasAllocated", ioas: 0, kernelId: 1 };
  for (let done = 1; done < events; done += 2 * HUGE_PAGES + STEADY_EVENTS) {
    for (let page = 0; page < HUGE_PAGES; page++) yield mapped(hugePage(page), HUGE_PAGE_BYTES);
    yield* steady();
    for (let page = HUGE_PAGES - 1; page >= 0; page--) yield unmapped(hugePage(page), HUGE_PAGE_BYTES);
  }
}

/** Every extra that is registered is given back. */
function* steady(): Generator<IoasEvent> {
  const random = seededRandom(7);
  for (let i = 0; i < STEADY_EVENTS; i += 2) {
    const iova = hugePage(HUGE_PAGES) + BigInt(random(EXTRAS)) * EXTRA_BYTES;
    yield mapped(iova, EXTRA_BYTES);
    yield unmapped(iova, EXTRA_BYTES);
  }
}

function hugePage(page: number): bigint {
  return BASE + BigInt(page) * HUGE_PAGE_BYTES;
}

function mapped(first: bigint, bytes: bigint): IoasEvent {
  const [iova, last] = [first as Iova, (first + bytes - 1n) as Iova];
  return { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "va", va: first } };
}

function unmapped(first: bigint, bytes: bigint): IoasEvent {
  const [iova, last] = [first as Iova, (first + bytes - 1n) as Iova];
  return { type: "IovaUnmapped", ioas: 0, iova, last, bytes: byteLength(bytes) };
}
