/** What was written of a segment that is open or was left so: behind it are the zeros that the file had grown by. */
import { FRAME_HEAD_BYTES } from "../frame.ts";
import { scan } from "../scan.ts";
import type { FakeDisk } from "./fake-disk.ts";

/** Empty where there is no file. */
export function writtenBytes(disk: FakeDisk, file: string): Uint8Array {
  const bytes = disk.readWhole(file) ?? new Uint8Array(0);
  let end = 0;
  for (const item of scan(bytes)) if (item.isIntact) end = item.offset + FRAME_HEAD_BYTES + item.head.length;
  return bytes.subarray(0, end);
}
