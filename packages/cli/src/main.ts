/** Entry point of `ioasis`: hands the outside to the program and ends with its exit code. */
import { isatty } from "node:tty";
import { program } from "./program.ts";
import { writeAll } from "./write-all.ts";

const STDOUT = 1;
const STDERR = 2;

/** A terminal and a wrapper around this process may both pass on one Ctrl-C. */
const SAME_SIGNAL_MS = 500;

const interrupt = new AbortController();
let interruptedMs = Number.POSITIVE_INFINITY;
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    interruptedMs = Math.min(interruptedMs, performance.now());
    interrupt.abort();
    if (performance.now() - interruptedMs < SAME_SIGNAL_MS) return;
    // Asked twice: ends at once, by that signal. What is durable stays, the rest is as after a crash.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });

try {
  process.exitCode = await program(process.argv.slice(2), {
    out: (text) => writeAll(STDOUT, text),
    err: (text) => writeAll(STDERR, text),
    input: () => process.stdin,
    microseconds: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)),
    env: process.env,
    isTerminal: isatty(STDERR),
    signal: interrupt.signal,
    decodeWorker: new URL("./decode-worker.mjs", import.meta.url),
  });
} catch (error) {
  // Nothing of ours ends here but a bug; a user still gets one line, and the stack where it is asked for.
  const message = error instanceof Error ? error.message : String(error);
  writeAll(STDERR, `ioasis: this is a bug: ${message} (IOASIS_DEBUG=1 shows where)\n`);
  if (process.env["IOASIS_DEBUG"] && error instanceof Error) writeAll(STDERR, `${error.stack}\n`);
  process.exitCode = 3;
}
