/**
 * First in, first out. What was taken is let go once it outnumbers what is left, so that taking
 * costs the same however long the queue is.
 */
const TAKEN_MAX = 4_096;

export class Queue<T> {
  #items: T[] = [];
  #taken = 0;

  constructor(...items: readonly T[]) {
    this.#items = [...items];
  }

  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The oldest; undefined: it is empty. */
  head(): T | undefined {
    return this.#items[this.#taken];
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#taken++];
    if (this.#taken >= TAKEN_MAX && this.#taken * 2 >= this.#items.length) this.keep(() => true);
    return item;
  }

  /** Drops everything else. */
  keep(isKept: (item: T) => boolean): void {
    this.#items = this.#items.slice(this.#taken).filter(isKept);
    this.#taken = 0;
  }

  clear(): void {
    this.keep(() => false);
  }
}
