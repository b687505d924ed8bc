/** Ctrl-C and SIGTERM: the import stops at the end of what it has in hand. */
import { IoasisError } from "@ioasis/core";

/** @throws IoasisError ERR_INTERRUPTED when `signal` was aborted; `line`: up to where everything is durable */
export function checkInterrupt(signal: AbortSignal, file: string, line: number): void {
  if (!signal.aborted) return;
  const where = line === 0 ? "before its first line" : `at line ${line}; all before is durable`;
  throw new IoasisError("ERR_INTERRUPTED", `${file}: interrupted ${where}: the same command goes on from there`, {
    file,
    line,
  });
}
