/** Addresses and ranges as people type them. */
import { IoasisError, type Iova, type Range, U64_MAX } from "@ioasis/core";

const NUMBER = "0[xX][0-9a-fA-F]{1,32}|[0-9]{1,40}";
const RANGE = new RegExp(`^(${NUMBER})(?:([-+])(${NUMBER}))?$`);

/**
 * `0x1000` and `4096` are one byte, `0x1000-0x1fff` a closed range, `0x1000+0x1000` a start and a length.
 *
 * @param argument what the text was given for, for the message (`IOVA`, `--iova`)
 * @throws IoasisError ERR_USAGE
 */
export function parseIovaRange(text: string, argument: string): Range {
  const refuse = (why: string): IoasisError =>
    new IoasisError("ERR_USAGE", `${argument} ${JSON.stringify(text)}: ${why}`, { argument, given: text });
  const match = RANGE.exec(text.trim());
  if (match === null)
    throw refuse("not an address; write 0x1000, 4096, 0x1000-0x1fff (closed) or 0x1000+0x1000 (length)");
  const first = BigInt(match[1] as string);
  const second = match[3] === undefined ? null : BigInt(match[3]);
  if (match[2] === "+" && second === 0n) throw refuse("the length is 0");
  const last = second === null ? first : match[2] === "-" ? second : first + second - 1n;
  if (first > U64_MAX || last > U64_MAX) throw refuse("beyond the last address, 0xffffffffffffffff");
  if (last < first) throw refuse("the range ends before it begins");
  return { first: first as Iova, last: last as Iova };
}
