/** Entry point of `ioasis`: hands the outside to the program and ends with its exit code. */
import { program } from "./program.ts";

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
// A reader that went away (`ioasis log | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await program(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  isTerminal: process.stderr.isTTY === true,
  signal: interrupt.signal,
});
