/** Files of one JSON value; what is wrong in one is told with its name. */
import { IoasisError } from "@ioasis/core";
import { openContent } from "./content.ts";

const JSON_BYTES_MAX = 256 * 1024 * 1024;

/** Runs `read` on what was in the file. */
export function inFile<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof IoasisError)
      throw new IoasisError(error.code, `${file}: ${error.message}`, { file, ...error.at });
    throw error;
  }
}

/** @throws IoasisError ERR_INPUT, ERR_LIMIT */
export async function jsonOf(file: string): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (await openContent(file)).chunks()) {
    parts.push(chunk);
    size += chunk.length;
    if (size > JSON_BYTES_MAX)
      throw new IoasisError("ERR_LIMIT", `${file}: more than 256 MiB of JSON are not read`, { file });
  }
  const text = Buffer.concat(parts).toString("utf8");
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "damaged";
    const line = lineOf(text, reason);
    throw new IoasisError(
      "ERR_INPUT",
      `${file}: ${line === null ? "" : `line ${line}: `}not JSON (${reason}): make it with --json, or correct it`,
      {
        file,
        ...(line === null ? {} : { line }),
      },
    );
  }
}

/** V8 names a position, not a line. */
function lineOf(text: string, reason: string): number | null {
  const position = /at position (\d+)/.exec(reason)?.[1];
  return position === undefined ? null : text.slice(0, Number(position)).split("\n").length;
}
