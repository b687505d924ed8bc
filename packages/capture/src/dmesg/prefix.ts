/**
 * What stands before a kernel message: time since boot in one of the usual wrappings.
 *
 * `[   28.381389] `, with a caller (`[    7.471032][  T134] `, `[pid:134,cpu0,...]`), behind a
 * journal's or syslog's own prefix (`Nov 01 16:52:04 host kernel: [   28.38...] `), behind a level
 * (`<3>[...]`), as /dev/kmsg gives it (`3,339,5140900,-;`) or as a crash dump does
 * (`0x0000... |   1263.468579:   `). `dmesg -T` and the journal print a date without a zone or a
 * year: no stamp.
 */
import type { Stamp } from "@ioasis/core";

const SECONDS_IN_BRACKETS = /\[ {0,11}(\d{1,10})\.(\d{6})(?:@\d+)?\]/;
const SECONDS_OF_DUMP = /^0x[0-9A-F]+ \| +(\d{1,10})\.(\d{6}):/;
const KMSG_RECORD = /^\d{1,3},\d+,(\d+),[^;]{1,40};/;

/** The kernel's clock at `text`, with its exact digits; null when the line has none. */
export function stampOf(text: string): Stamp | null {
  const match = SECONDS_IN_BRACKETS.exec(text) ?? SECONDS_OF_DUMP.exec(text);
  if (match !== null) return { clock: "dmesg", ticks: BigInt(`${match[1]}${match[2]}`), decimals: 6 };
  const record = KMSG_RECORD.exec(text);
  return record === null ? null : { clock: "dmesg", ticks: BigInt(record[1] as string), decimals: 6 };
}

const BEGINS_LIKE_DMESG =
  /^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ )?(?:kernel: )?(?:\[ {0,11}\d{1,10}\.\d{6}(?:@\d+)?\]|\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}\])/;

/** Whether a line begins as kernel messages do (with their time, or `kernel: `). */
export function hasDmesgPrefix(text: string): boolean {
  return BEGINS_LIKE_DMESG.test(text) || /^(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ )kernel: /.test(text);
}
