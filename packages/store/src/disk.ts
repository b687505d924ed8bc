/**
 * The files that a journal needs, as a port: tests put a disk behind it that fails, fills up or
 * crashes. Failures are the operating system's (`error.code`); see `disk-failure.ts`.
 */
export interface DiskFile {
  readonly path: string;
  size(): number;
  /** Fills `target` from `position` on; returns the bytes read, fewer only at the end of the file. */
  read(target: Uint8Array, position: number): number;
  /** Writes the buffers one behind the other; returns the bytes written, which may be fewer than given. */
  write(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Resolves when content and size are on the disk. */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): void;
}

export interface Disk {
  kindOf(path: string): "file" | "directory" | "other" | null;
  /** Bytes of a file; null when it is absent. */
  sizeOf(path: string): number | null;
  /** `append`: for reading and writing, made when absent. */
  open(path: string, mode: "read" | "append"): DiskFile;
  /** Names in a directory, sorted; null when it is absent. */
  list(path: string): string[] | null;
  /** With its parents; no error when it is there. */
  makeDirectory(path: string): void;
  /** The whole content; null when it is absent. */
  readWhole(path: string): Uint8Array | null;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** Resolves when the names in the directory are on the disk. */
  syncDirectory(path: string): Promise<void>;
  /** Null: not known. */
  freeBytes(path: string): number | null;
  /**
   * Takes the exclusive lock of the file and writes `holder` into it. The kernel releases it when
   * the process dies. Held by another: what that one wrote.
   */
  lock(path: string, holder: string): DiskLock | { readonly heldBy: string };
}

export interface DiskLock {
  release(): void;
}

/** Writes all of the buffers at `position`, however many calls it takes. */
export async function writeAll(file: DiskFile, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let left = buffers.filter((buffer) => buffer.length > 0);
  for (let at = position; left.length > 0; ) {
    let written = await file.write(left, at);
    if (written <= 0) throw Object.assign(new Error("the disk took no byte"), { code: "EIO" });
    at += written;
    const rest: Uint8Array[] = [];
    for (const buffer of left) {
      if (written < buffer.length) rest.push(written === 0 ? buffer : buffer.subarray(written));
      written = Math.max(0, written - buffer.length);
    }
    left = rest;
  }
}

/** Puts the buffers into a file, one behind the other, so that a crash leaves the old file or the new one, whole. */
export async function replaceFile(
  disk: Disk,
  directory: string,
  name: string,
  buffers: readonly Uint8Array[],
): Promise<void> {
  const temporary = `${directory}/${name}.tmp`;
  const file = disk.open(temporary, "append");
  try {
    await file.truncate(0);
    await writeAll(file, buffers, 0);
    await file.datasync();
  } catch (error) {
    file.close();
    disk.remove(temporary);
    throw error;
  }
  file.close();
  disk.rename(temporary, `${directory}/${name}`);
  await disk.syncDirectory(directory);
}
