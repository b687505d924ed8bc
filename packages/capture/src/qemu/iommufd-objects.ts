/** The objects of one iommufd fd that a recording has spoken of: a line gives an id without its type. */
import type { KernelRef, ObservedEvent } from "@ioasis/core";
import { LiveRanges } from "./live-ranges.ts";

const OBJECTS_MAX = 65_536;

export class IommufdObjects {
  readonly devices = new Set<string>();
  readonly #spaces = new Map<number, LiveRanges>();
  /** Id of a page table to the space that it translates; null: not told. */
  readonly #hwpts = new Map<number, KernelRef>();

  /** Whether the space is new; it was logged before otherwise. */
  addIoas(id: number): boolean {
    if (this.#spaces.get(id)?.isWhole) return false;
    this.#room();
    this.#spaces.set(id, new LiveRanges(true));
    return true;
  }

  /** What is mapped in a space, which may be older than the recording. */
  ioas(id: number): LiveRanges {
    let space = this.#spaces.get(id);
    if (space === undefined) {
      this.#room();
      space = new LiveRanges(false);
      this.#spaces.set(id, space);
    }
    return space;
  }

  /** The space that a page table made from `parent` (a space, or the outer page table of a nested one) translates. */
  addHwpt(id: number, parent: number): KernelRef {
    this.#room();
    const ioas = this.#hwpts.has(parent) ? (this.#hwpts.get(parent) ?? null) : parent;
    this.#hwpts.set(id, ioas);
    if (ioas !== null) this.ioas(ioas);
    return ioas;
  }

  /** What an attach to `id` attaches to. */
  target(id: number): { ioas: KernelRef; hwpt: KernelRef } {
    const ioas = this.#hwpts.get(id);
    if (ioas !== undefined) return { ioas, hwpt: id };
    return { ioas: this.#spaces.has(id) ? id : null, hwpt: null };
  }

  /** Null: an object that no line told the type of. */
  free(id: number): ObservedEvent | null {
    if (this.#hwpts.delete(id)) return { type: "HwptDestroyed", hwpt: id };
    return this.#spaces.delete(id) ? { type: "IoasDestroyed", ioas: id } : null;
  }

  /** Closing the fd destroys everything, users before what they use. */
  close(): ObservedEvent[] {
    return [
      ...[...this.devices].map((device): ObservedEvent => ({ type: "DeviceUnbound", device })),
      ...[...this.#hwpts.keys()].map((hwpt): ObservedEvent => ({ type: "HwptDestroyed", hwpt })),
      ...[...this.#spaces.keys()].map((ioas): ObservedEvent => ({ type: "IoasDestroyed", ioas })),
    ];
  }

  #room(): void {
    if (this.#spaces.size + this.#hwpts.size < OBJECTS_MAX) return;
    this.#spaces.clear();
    this.#hwpts.clear();
  }
}
