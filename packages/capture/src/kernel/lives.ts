/**
 * Which life of a kernel pointer is meant: the kernel reuses the addresses of freed objects, so
 * identity is the pointer and the time since the last release.
 */
import type { ProfileName } from "@ioasis/core";
import { CallContext } from "./call-context.ts";

export class Lives {
  readonly #prefix: string;
  readonly #living = new Map<string, CallContext>();
  readonly #generations = new Map<string, number>();

  /** `prefix`: `container` or `iommufd`. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  get(pointer: string): CallContext | undefined {
    return this.#living.get(pointer);
  }

  begin(pointer: string, profile: ProfileName | null): CallContext {
    const generation = (this.#generations.get(pointer) ?? 0) + 1;
    this.#generations.set(pointer, generation);
    const context = new CallContext(this.#key(pointer, generation), profile);
    this.#living.set(pointer, context);
    return context;
  }

  /** The life at this pointer; one that began before the recording is found here first. */
  find(pointer: string, profile: ProfileName | null): CallContext {
    const living = this.#living.get(pointer);
    if (living !== undefined) return living;
    const context = this.begin(pointer, profile);
    context.hasSpace = true;
    return context;
  }

  /** What was known by another name until now turns out to be at this pointer. */
  rename(from: string, to: string): void {
    const context = this.#living.get(from);
    if (context === undefined || this.#living.has(to)) return;
    this.#living.delete(from);
    const generation = (this.#generations.get(to) ?? 0) + 1;
    this.#generations.set(to, generation);
    context.key = this.#key(to, generation);
    this.#living.set(to, context);
  }

  end(pointer: string): void {
    this.#living.delete(pointer);
  }

  #key(pointer: string, generation: number): string {
    return `${this.#prefix}=${pointer}${generation === 1 ? "" : `#${generation}`}`;
  }

  *[Symbol.iterator](): Iterator<CallContext> {
    yield* this.#living.values();
  }
}
