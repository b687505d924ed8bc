/**
 * A guest of 1 TiB that boots: the few huge maps of its q35 layout, DIMMs plugged one after the other, and device
 * resets, at each of which the VMM takes every mapping away and makes it again (vfio_listener_region_del and _add).
 */
import { byteLength, type IoasEvent, type Iova, layoutOf } from "@ioasis/core";

const GIB = 1n << 30n;
const VA = 0x7f00_0000_0000n;
const MACHINE = "pc-q35-9.2";
const MEMORY_BYTES = 1024n * GIB;
const DIMM_BYTES = 16n * GIB;
/** DIMM slots of a q35 (ACPI_MAX_RAM_SLOTS). */
const DIMMS = 256;

/** `events` events at least: resets go on until there are so many. */
export function* bootOfLargeGuest(events: number): Generator<IoasEvent> {
  const maps = memoryMaps();
  let done = 1;
  yield { type: "IoasAllocated", ioas: 0, kernelId: 1 };
  for (let live = 1; done < events; live = Math.min(live + 1, maps.length)) {
    const present = maps.slice(0, maps.length - DIMMS + live);
    for (const [iova, last] of present) {
      yield { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "va", va: VA + iova } };
    }
    for (const [iova, last] of present) {
      yield { type: "IovaUnmapped", ioas: 0, iova, last, bytes: byteLength(last - iova + 1n) };
    }
    done += 2 * present.length;
  }
}

/** What is mapped for DMA, the slots for DIMMs last. */
function memoryMaps(): (readonly [first: Iova, last: Iova])[] {
  const maxMemoryBytes = MEMORY_BYTES + BigInt(DIMMS) * DIMM_BYTES;
  const { ranges } = layoutOf({ machine: MACHINE, memoryBytes: MEMORY_BYTES, maxMemoryBytes, slots: DIMMS });
  const fixed = ranges
    .filter(({ kind }) => kind === "ram" || kind === "rom")
    .map(({ first, last }) => [first, last] as const);
  const start = ranges.find(({ kind }) => kind === "device-memory")?.first ?? 0n;
  const dimms = Array.from({ length: DIMMS }, (_, slot) => {
    const first = (start + BigInt(slot) * DIMM_BYTES) as Iova;
    return [first, (first + DIMM_BYTES - 1n) as Iova] as const;
  });
  return [...fixed, ...dimms];
}
