/**
 * VFIO's memory listener (hw/vfio/common.c, listener.c): what a container was asked to map.
 *
 * There is no event for the ioctls of a legacy container. `region_add [ram]` is logged before the
 * ioctl and nothing after one that went well, so a request waits for the line that refuses it.
 * Where an iommufd or vfio-user backend logs the calls themselves, the listener's lines repeat them.
 */
import {
  iova as asIova,
  byteLength,
  errnoOfNumber,
  fits,
  lastOf,
  type ObservedEvent,
  type ProfileName,
  type Prot,
  type Source,
  UNKNOWN_SOURCE,
} from "@ioasis/core";
import type { GuestTranslation } from "./guest-translation.ts";
import type { EventFamily, Handler } from "./handler.ts";
import type { HeldCall } from "./held-call.ts";
import { LiveRanges } from "./live-ranges.ts";
import type { Direction } from "./message.ts";
import type { TraceLine } from "./trace-line.ts";

export const CONTAINER = "container";
const WINDOWS_MAX = 64;
const PAGE_SHIFT_MAX = 63n;

export class VfioListener implements EventFamily {
  readonly handlers: Readonly<Record<string, Handler>> = {
    vfio_listener_region_add_ram: (line) => this.#addRam(line),
    vfio_listener_region_add_no_dma_map: () => this.#held.drop(),
    vfio_listener_region_add_skip: (line) => this.#pass(line),
    vfio_listener_region_del_skip: (line) => this.#pass(line),
    vfio_listener_region_skip: (line) => this.#pass(line),
    vfio_listener_region_add_iommu: (line) => this.#addIommu(line),
    vfio_listener_region_del_iommu: (line) => this.#delIommu(line),
    vfio_listener_region_del: (line) => this.#del(line),
    vfio_iommu_map_notify: (line) => this.#notify(line),
    vfio_prereg_register: (line) => this.#register(line, true),
    vfio_prereg_unregister: (line) => this.#register(line, false),
    vfio_spapr_create_window: (line) => this.#createWindow(line),
    vfio_spapr_remove_window: (line) => this.#removeWindow(line),
  };
  profile: ProfileName = "vfio-type1v2";
  readonly #held: HeldCall;
  readonly #translation: GuestTranslation;
  readonly #live = new LiveRanges(false);
  /** The next region_del is of a virtual IOMMU's section. */
  #deletesIommu = false;
  /** First to last bus address. */
  readonly #windows = new Map<bigint, bigint>();

  constructor(held: HeldCall, translation: GuestTranslation) {
    this.#held = held;
    this.#translation = translation;
  }

  #pass(line: TraceLine): void {
    this.#held.settle(line);
  }

  #addRam(line: TraceLine): void {
    const first = line.hex("[ram] 0x");
    const last = line.hex(" - 0x");
    const va = line.hex("[");
    if (this.#isRange(line, first, last)) this.#request(line, "map", first, last, "unknown", { kind: "va", va });
  }

  #addIommu(line: TraceLine): void {
    // Every mapping of the section is announced from here on.
    this.#live.isWhole = true;
    this.#held.settle(line);
  }

  #delIommu(line: TraceLine): void {
    this.#held.settle(line);
    this.#deletesIommu = true;
  }

  #del(line: TraceLine): void {
    const first = line.hex("region_del 0x");
    const last = line.hex(" - 0x");
    const isIommu = this.#deletesIommu;
    this.#deletesIommu = false;
    if (!this.#isRange(line, first, last)) return;
    this.#request(line, "unmap", first, last, "unknown", UNKNOWN_SOURCE, isIommu);
  }

  /** `iommu MAP @ 0x... - 0x...`: a shadow of the guest's own mapping; the end is inclusive. */
  #notify(line: TraceLine): void {
    const operation = line.word("iommu ", " ");
    const first = line.hex("@ 0x");
    const last = line.hex(" - 0x");
    if (operation !== "MAP" && operation !== "UNMAP") {
      line.problem(`"${operation}" is neither MAP nor UNMAP`);
      return;
    }
    if (!this.#isRange(line, first, last)) return;
    const { source, prot } = this.#translation.of(first);
    if (operation === "MAP") this.#request(line, "map", first, last, prot, source);
    else this.#request(line, "unmap", first, last, "unknown", UNKNOWN_SOURCE, this.#live.isWhole);
  }

  #isRange(line: TraceLine, first: bigint, last: bigint): boolean {
    if (!line.isWhole()) return false;
    if (first <= last) return true;
    line.problem("the range ends before it begins");
    return false;
  }

  /** `isSection`: not one mapping but whatever is mapped in the range. */
  #request(
    line: TraceLine,
    direction: Direction,
    first: bigint,
    last: bigint,
    prot: Prot,
    source: Source,
    isSection = false,
  ): void {
    if (this.#held.isToldByBackend) {
      this.#held.tick(line);
      return;
    }
    const done = (): ObservedEvent =>
      direction === "map" ? this.#mapped(first, last, prot, source) : this.#unmapped(first, last, isSection);
    const call = { context: CONTAINER, profile: this.profile, ioas: null, direction, prot, source, done } as const;
    this.#held.hold({ ...call, iova: first, length: last - first + 1n, outcome: "done-unless-refused" }, line);
  }

  #mapped(first: bigint, last: bigint, prot: Prot, source: Source): ObservedEvent {
    this.#live.map(first, last);
    return { type: "IovaMapped", ioas: null, iova: asIova(first), last: asIova(last), prot, source };
  }

  #unmapped(first: bigint, last: bigint, isSection: boolean): ObservedEvent {
    const taken = this.#live.unmap(first, last);
    const bytes = isSection ? taken : byteLength(last - first + 1n);
    return { type: "IovaUnmapped", ioas: null, iova: asIova(first), last: asIova(last), bytes };
  }

  /** Memory that sPAPR wants registered before it can be mapped. */
  #register(line: TraceLine, isNew: boolean): void {
    const va = line.hex("va=");
    const length = byteLength(line.hex("size="));
    const returned = line.decimal("ret=");
    if (!line.isWhole()) return;
    this.#held.settle(line);
    this.profile = "spapr-tce-v2";
    if (returned === 0) {
      line.fact(CONTAINER, this.profile, { type: isNew ? "MemoryRegistered" : "MemoryUnregistered", va, length });
      return;
    }
    const call = `VFIO_IOMMU_SPAPR_${isNew ? "" : "UN"}REGISTER_MEMORY`;
    const detail = line.text.slice(line.text.indexOf("va="));
    line.fact(CONTAINER, this.profile, { type: "CallRefused", call, detail }, errnoOfNumber(-returned));
  }

  #createWindow(line: TraceLine): void {
    const shift = line.hex("pageshift=");
    const length = line.hex("winsize=");
    const iova = asIova(line.hex("offset="));
    if (!line.isWhole()) return;
    if (shift > PAGE_SHIFT_MAX || !fits(iova, length)) {
      line.problem("the window does not fit into 64 bits");
      return;
    }
    this.#held.settle(line);
    this.profile = "spapr-tce-v2";
    const last = lastOf(iova, length);
    if (this.#windows.size >= WINDOWS_MAX) this.#windows.clear();
    this.#windows.set(iova, last);
    line.fact(CONTAINER, this.profile, { type: "WindowCreated", ioas: null, iova, last, pageSize: 1n << shift });
  }

  /** The line names the start only; the size is known where the creation was logged. */
  #removeWindow(line: TraceLine): void {
    const iova = asIova(line.hex("offset="));
    if (!line.isWhole()) return;
    this.#held.settle(line);
    this.profile = "spapr-tce-v2";
    const last = asIova(this.#windows.get(iova) ?? iova);
    this.#windows.delete(iova);
    line.fact(CONTAINER, this.profile, { type: "WindowRemoved", ioas: null, iova, last });
  }
}
