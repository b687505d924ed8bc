/** Files of JSON that commands are given. */
import { type HostProfile, hostsFromJson, IoasisError } from "@ioasis/core";
import { openContent } from "./content.ts";

const JSON_BYTES_MAX = 256 * 1024 * 1024;

/** The host profiles in these files, one or a list in each. */
export async function hostsOf(files: readonly string[]): Promise<HostProfile[]> {
  const hosts: HostProfile[] = [];
  for (const file of files) {
    const value = await jsonOf(file);
    hosts.push(...inFile(file, () => hostsFromJson(value)));
  }
  return hosts;
}

/** What is wrong with the content of a file, with its name. */
export function inFile<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof IoasisError)
      throw new IoasisError(error.code, `${file}: ${error.message}`, { file, ...error.at });
    throw error;
  }
}

/**
 * What a JSON file holds (gunzipped where it is compressed).
 * @throws IoasisError ERR_INPUT with the line, ERR_LIMIT
 */
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
