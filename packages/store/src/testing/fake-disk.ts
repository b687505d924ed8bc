/**
 * A disk in memory that fails, fills up and crashes as a real one may.
 *
 * What was written but not synced may survive a crash in any part: the sectors of a file are kept
 * or lost one by one, and so are its new length and new names.
 */
import type { Disk, DiskFile, DiskLock } from "../disk.ts";

const SECTOR_BYTES = 512;

interface Node {
  content: Buffer;
  durable: Buffer;
}

export class FakeDisk implements Disk {
  /** By path: what programs see, and what surely survives a crash. */
  readonly #nodes = new Map<string, Node>();
  readonly #durableNames = new Map<string, Node>();
  readonly #directories = new Set<string>();
  readonly #locks = new Map<string, string>();
  /** Operations that change something, in order: `write`, `datasync`, `truncate`, `create`, `rename`, `remove`, `syncDirectory`. */
  readonly operations: string[] = [];
  /** The operation with this number (from 1) fails, and so does everything of its name afterwards when `isLasting`. */
  failure: { readonly at: number; readonly code: string; readonly isLasting: boolean } | null = null;
  /** What was read, over all files. */
  bytesRead = 0;
  /** Bytes that fit in all files together. */
  capacity = Number.POSITIVE_INFINITY;
  /** When an operation that a program waits for is done. A real disk answers in a later turn of the event loop. */
  turn: () => Promise<void> = () => new Promise((resolve) => setImmediate(resolve));

  kindOf(path: string): "file" | "directory" | null {
    return this.#nodes.has(path) ? "file" : this.#directories.has(path) ? "directory" : null;
  }

  sizeOf(path: string): number | null {
    return this.#nodes.get(path)?.content.length ?? null;
  }

  open(path: string, mode: "read" | "append"): DiskFile {
    let node = this.#nodes.get(path);
    if (node === undefined) {
      if (mode === "read") throw failed("ENOENT", path);
      this.step("create", path);
      node = { content: Buffer.alloc(0), durable: Buffer.alloc(0) };
      this.#nodes.set(path, node);
    }
    return new FakeFile(this, path, node);
  }

  list(path: string): string[] | null {
    if (!this.#directories.has(path)) return null;
    const names = [...this.#nodes.keys(), ...this.#directories].filter((name) => name.startsWith(`${path}/`));
    return [...new Set(names.map((name) => name.slice(path.length + 1).split("/")[0] ?? ""))].sort();
  }

  makeDirectory(path: string): void {
    this.#directories.add(path);
  }

  readWhole(path: string): Uint8Array | null {
    const node = this.#nodes.get(path);
    this.bytesRead += node?.content.length ?? 0;
    return node === undefined ? null : Buffer.from(node.content);
  }

  rename(from: string, to: string): void {
    this.step("rename", from);
    const node = this.#nodes.get(from);
    if (node === undefined) throw failed("ENOENT", from);
    this.#nodes.delete(from);
    this.#nodes.set(to, node);
  }

  remove(path: string): void {
    this.step("remove", path);
    this.#nodes.delete(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.turn();
    this.step("syncDirectory", path);
    for (const name of [...this.#durableNames.keys()]) if (name.startsWith(`${path}/`)) this.#durableNames.delete(name);
    for (const [name, node] of this.#nodes) if (name.startsWith(`${path}/`)) this.#durableNames.set(name, node);
  }

  freeBytes(): number | null {
    return Number.isFinite(this.capacity) ? this.capacity - this.usedBytes : null;
  }

  lock(path: string, holder: string): DiskLock | { readonly heldBy: string } {
    const heldBy = this.#locks.get(path);
    if (heldBy !== undefined) return { heldBy };
    this.#locks.set(path, holder);
    return { release: () => void this.#locks.delete(path) };
  }

  get usedBytes(): number {
    let sum = 0;
    for (const { content } of this.#nodes.values()) sum += content.length;
    return sum;
  }

  /** Counts an operation, and fails when its turn has come. */
  step(name: string, path: string): void {
    this.operations.push(name);
    const { failure } = this;
    if (failure === null || this.operations.length < failure.at) return;
    if (this.operations.length === failure.at || (failure.isLasting && this.operations[failure.at - 1] === name))
      throw failed(failure.code, path);
  }

  /** Puts a file there, as if it had always been. */
  put(path: string, bytes: Uint8Array): void {
    const node = { content: Buffer.from(bytes), durable: Buffer.from(bytes) };
    this.#nodes.set(path, node);
    this.#durableNames.set(path, node);
  }

  /** Changes the bytes of a file below programs that have it open. */
  rot(path: string, bytes: Uint8Array): void {
    const node = this.#nodes.get(path);
    if (node !== undefined) node.content = Buffer.from(bytes);
  }

  /** A disk with the same files, as it is when nothing is lost. */
  copy(): FakeDisk {
    const copy = new FakeDisk();
    for (const directory of this.#directories) copy.makeDirectory(directory);
    for (const [path, { content }] of this.#nodes) copy.put(path, content);
    return copy;
  }

  /** The disk after a power cut. `random` gives numbers in [0, 1). */
  crash(random: () => number): FakeDisk {
    const after = new FakeDisk();
    for (const directory of this.#directories) after.makeDirectory(directory);
    const names = new Map(this.#durableNames);
    for (const [path, node] of this.#nodes) if (random() < 0.5) names.set(path, node);
    for (const [path, node] of names) after.put(path, survivor(node, random));
    return after;
  }
}

class FakeFile implements DiskFile {
  readonly path: string;
  readonly #disk: FakeDisk;
  readonly #node: Node;

  constructor(disk: FakeDisk, path: string, node: Node) {
    this.#disk = disk;
    this.path = path;
    this.#node = node;
  }

  size(): number {
    return this.#node.content.length;
  }

  read(target: Uint8Array, position: number): number {
    const part = this.#node.content.subarray(position, position + target.length);
    target.set(part);
    this.#disk.bytesRead += part.length;
    return part.length;
  }

  async write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    await this.#disk.turn();
    this.#disk.step("write", this.path);
    const bytes = Buffer.concat(buffers);
    const grows = Math.max(0, position + bytes.length - this.#node.content.length);
    const room = this.#disk.capacity - this.#disk.usedBytes;
    const taken = grows <= room ? bytes : bytes.subarray(0, Math.max(0, bytes.length - (grows - room)));
    if (taken.length === 0) throw failed("ENOSPC", this.path);
    const end = Math.max(this.#node.content.length, position + taken.length);
    const content = Buffer.alloc(end);
    content.set(this.#node.content);
    content.set(taken, position);
    this.#node.content = content;
    return taken.length;
  }

  async datasync(): Promise<void> {
    await this.#disk.turn();
    this.#disk.step("datasync", this.path);
    this.#node.durable = Buffer.from(this.#node.content);
  }

  async truncate(length: number): Promise<void> {
    await this.#disk.turn();
    this.#disk.step("truncate", this.path);
    this.#node.content = Buffer.from(this.#node.content.subarray(0, length));
  }

  close(): void {}
}

function survivor({ content, durable }: Node, random: () => number): Buffer {
  const low = Math.min(content.length, durable.length);
  const high = Math.max(content.length, durable.length);
  const kept = Buffer.alloc(low + Math.floor(random() * (high - low + 1)));
  kept.set(durable.subarray(0, kept.length));
  for (let at = 0; at < kept.length; at += SECTOR_BYTES) {
    const end = Math.min(at + SECTOR_BYTES, kept.length, content.length);
    if (end > at && random() < 0.5) kept.set(content.subarray(at, end), at);
  }
  return kept;
}

function failed(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: injected, ${path}`), { code });
}
