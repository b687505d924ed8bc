/** The real disk. */
import {
  close,
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncate,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
  writev,
  writevSync,
} from "node:fs";
import { promisify } from "node:util";
import { tryLock, unlock } from "fs-native-extensions";
import type { Disk, DiskFile, DiskLock } from "./disk.ts";
import { codeOf } from "./disk-failure.ts";

const closeLater = promisify(close);
const dataSync = promisify(fdatasync);
const fullSync = promisify(fsync);
const truncateFile = promisify(ftruncate);
const HOLDER_BYTES_MAX = 256;
/** A write of so little is a copy into the page cache: done at once, it is over before a thread would have begun. */
const DIRECT_BYTES_MAX = 64 * 1024;

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #fd: number;

  constructor(path: string, flags: string) {
    this.path = path;
    this.#fd = openSync(path, flags, 0o644);
  }

  size(): number {
    return fstatSync(this.#fd).size;
  }

  read(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = readSync(this.#fd, target, done, target.length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(buffers: readonly Uint8Array[], position: number): Promise<number> {
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= DIRECT_BYTES_MAX) return new Promise((resolve) => resolve(writevSync(this.#fd, buffers, position)));
    return new Promise((resolve, reject) => {
      writev(this.#fd, [...buffers], position, (error, written) => (error === null ? resolve(written) : reject(error)));
    });
  }

  datasync(): Promise<void> {
    return dataSync(this.#fd);
  }

  truncate(length: number): Promise<void> {
    return truncateFile(this.#fd, length);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Undefined where the file or a directory above it is absent. */
function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error))) return undefined;
    throw error;
  }
}

function openLocked(path: string, holder: string): DiskLock | { readonly heldBy: string } {
  // "a+" makes the file when it is absent and never empties what the holder wrote.
  const fd = openSync(path, "a+", 0o644);
  try {
    if (!tryLock(fd)) {
      const text = Buffer.alloc(HOLDER_BYTES_MAX);
      const heldBy = text.toString("utf8", 0, readSync(fd, text, 0, text.length, 0));
      closeSync(fd);
      return { heldBy };
    }
    ftruncateSync(fd, 0);
    writeSync(fd, holder);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    release() {
      unlock(fd);
      closeSync(fd);
    },
  };
}

export const nodeDisk: Disk = {
  kindOf(path) {
    const stat = ifThere(() => statSync(path));
    if (stat === undefined) return null;
    return stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other";
  },
  sizeOf: (path) => ifThere(() => statSync(path).size) ?? null,
  open: (path, mode) => {
    if (mode === "read") return new NodeFile(path, "r");
    return new NodeFile(path, ifThere(() => statSync(path)) === undefined ? "wx+" : "r+");
  },
  list: (path) => ifThere(() => readdirSync(path).sort()) ?? null,
  makeDirectory: (path) => void mkdirSync(path, { recursive: true }),
  readWhole: (path) => ifThere(() => readFileSync(path)) ?? null,
  rename: renameSync,
  remove: (path) => rmSync(path, { force: true }),
  async syncDirectory(path) {
    const fd = openSync(path, "r");
    try {
      await fullSync(fd);
    } finally {
      await closeLater(fd);
    }
  },
  freeBytes(path) {
    try {
      const { bavail, bsize } = statfsSync(path);
      return bavail * bsize;
    } catch {
      return null;
    }
  },
  lock: openLocked,
};
