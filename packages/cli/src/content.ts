/** The content of an imported file, in chunks; a gzipped file is read as what it holds. */
import { closeSync, createReadStream, fstatSync, openSync, type ReadStream, readFileSync, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip, gunzipSync } from "node:zlib";
import { IoasisError } from "@ioasis/core";

const CHUNK_BYTES = 256 * 1024;

export interface Content {
  /** From the beginning, at every call. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Bytes of the file as it lies on the disk (packed, if it is), and of these what the running `chunks` has taken. */
  readonly fileBytes: number | null;
  takenBytes(): number;
  /** Why the content ended before the file's end, once read; null: it did not. */
  cutShort(): string | null;
}

/** @throws IoasisError ERR_INPUT for a directory or a file that is not there */
export async function openContent(file: string): Promise<Content> {
  const handle = await open(file, "r");
  const magic = new Uint8Array(2);
  let fileBytes = 0;
  try {
    const status = await handle.stat();
    refuseOther(file, status);
    fileBytes = status.size;
    await handle.read(magic, 0, 2, 0);
  } finally {
    await handle.close();
  }
  const isGzip = isGzipped(magic);
  let cut: string | null = null;
  let raw: ReadStream | null = null;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    cut = null;
    const stream = createReadStream(file, { highWaterMark: CHUNK_BYTES });
    raw = stream;
    if (!isGzip) {
      yield* stream;
      return;
    }
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    stream.on("error", (error) => gunzip.destroy(error));
    try {
      yield* stream.pipe(gunzip);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && String(error.code).startsWith("Z_"))) throw error;
      cut = `the gzip stream is damaged or cut short (${error.message}): only what came before was read`;
    } finally {
      stream.destroy();
    }
  }
  return { chunks, fileBytes, takenBytes: () => raw?.bytesRead ?? 0, cutShort: () => cut };
}

/**
 * All of a file that is small enough to be held, read at once: for commands that take many small files.
 * @throws IoasisError ERR_INPUT as `openContent`, and for a gzip stream that is damaged; ERR_LIMIT above `bytesMax`
 */
export function wholeContent(file: string, bytesMax: number): Uint8Array {
  const tooLarge = () =>
    new IoasisError("ERR_LIMIT", `${file}: more than ${bytesMax} bytes: cut it into files`, { file });
  const descriptor = openSync(file, "r");
  try {
    const status = fstatSync(descriptor);
    refuseOther(file, status);
    if (status.size > bytesMax) throw tooLarge();
    const bytes = readFileSync(descriptor);
    return isGzipped(bytes) ? gunzipSync(bytes, { maxOutputLength: bytesMax }) : bytes;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge();
    if (!code.startsWith("Z_")) throw error;
    throw new IoasisError("ERR_INPUT", `${file}: the gzip stream is damaged or cut short`, { file }, { cause: error });
  } finally {
    closeSync(descriptor);
  }
}

function refuseOther(file: string, status: Stats): void {
  if (status.isDirectory())
    throw new IoasisError("ERR_INPUT", `${file}: is a directory: name the files in it`, { file });
  if (!status.isFile())
    throw new IoasisError(
      "ERR_INPUT",
      `${file}: is no regular file and cannot be read twice: save it to a file first`,
      { file },
    );
}

function isGzipped(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The first bytes of the content, at most `bytesMax`. */
export async function headOf(content: Content, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content.chunks()) {
    parts.push(chunk);
    size += chunk.length;
    if (size >= bytesMax) break;
  }
  return Buffer.concat(parts).subarray(0, bytesMax);
}
