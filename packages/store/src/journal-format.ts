/** `format.json`: what a directory must hold to be a journal, and who it is. */
import { IoasisError } from "@ioasis/core";
import { type Disk, replaceFile } from "./disk.ts";
import type { ReplicaId } from "./journal.ts";

export const FORMAT = 1;
const FILE = "format.json";

export interface JournalFormat {
  readonly format: number;
  readonly replica: ReplicaId;
  readonly createdBy: string;
}

/**
 * The format of the journal in `directory`; null when the directory may become one (absent, empty, or
 * left by a creation that was cut short).
 * @throws IoasisError ERR_INPUT (not a journal), ERR_NEWER, ERR_DAMAGED
 */
export function readFormat(disk: Disk, directory: string): JournalFormat | null {
  const kind = disk.kindOf(directory);
  if (kind === null) return null;
  if (kind !== "directory") {
    const message = `${directory} is not a directory, so it is no journal. Name another with --db`;
    throw new IoasisError("ERR_INPUT", message, { file: directory });
  }
  const bytes = disk.readWhole(`${directory}/${FILE}`);
  if (bytes !== null) return parse(`${directory}/${FILE}`, bytes);
  if ((disk.list(`${directory}/segments`) ?? []).length > 0) {
    const message = `${directory}/${FILE} is missing beside segments: the journal is damaged. Restore that file from a copy`;
    throw new IoasisError("ERR_DAMAGED", message, { file: `${directory}/${FILE}` });
  }
  const others = (disk.list(directory) ?? []).filter(
    (name) => !["lock", `${FILE}.tmp`, "segments", "snapshots"].includes(name),
  );
  if (others.length === 0) return null;
  const message = `${directory} holds other files (${others.slice(0, 3).join(", ")}) and is no journal. Name an empty or new directory with --db`;
  throw new IoasisError("ERR_INPUT", message, { file: directory });
}

export async function writeFormat(disk: Disk, directory: string, format: JournalFormat): Promise<void> {
  await replaceFile(disk, directory, FILE, [Buffer.from(`${JSON.stringify(format, null, 2)}\n`)]);
}

function parse(file: string, bytes: Uint8Array): JournalFormat {
  let value: Partial<JournalFormat> | null = null;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8")) as Partial<JournalFormat> | null;
  } catch {
    // Told below.
  }
  const { format, replica, createdBy = "" } = value ?? {};
  if (typeof format === "number" && Number.isInteger(format) && format > FORMAT) {
    const message = `${file}: the journal has format ${format}, made by a newer ioasis (${createdBy || "unnamed"}). Upgrade this one, which knows format ${FORMAT}`;
    throw new IoasisError("ERR_NEWER", message, { file, format });
  }
  if (format === FORMAT && typeof replica === "string" && replica !== "") return { format, replica, createdBy };
  throw new IoasisError("ERR_DAMAGED", `${file} is damaged. Restore it from a copy`, { file, offset: 0 });
}
