/** A failure as the command line tells it: one line on stderr, JSON on stdout if asked, an exit code. */
import { IoasisError } from "@ioasis/core";
import type { ExitCode, World } from "./world.ts";

const EXIT_CODES: Readonly<Partial<Record<string, ExitCode>>> = {
  ERR_USAGE: 2,
  ERR_INPUT: 2,
  ERR_NO_CONTEXT: 2,
  ERR_CONTEXT_AMBIGUOUS: 2,
  ERR_CONTEXT_EXISTS: 2,
  ERR_VERSION: 2,
  ERR_NOT_OWNER: 1,
  ERR_OWNER_HERE: 1,
};

/** Tells `error` and gives its exit code. A bug (no IoasisError) keeps its stack for the report. */
export function tellFailure(world: World, error: unknown, json: boolean): ExitCode {
  const failure = error instanceof IoasisError ? error : fromSystem(error);
  if (failure === null) throw error;
  const { code, message, at } = failure;
  world.err(`ioasis: ${message.replaceAll(/\s*\n\s*/g, " ")} (${code})\n`);
  if (json) world.out(`${JSON.stringify({ error: { code, message, at } })}\n`);
  return EXIT_CODES[code] ?? 3;
}

/** The failures of the operating system that a user causes and can mend. */
function fromSystem(error: unknown): IoasisError | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  const path = "path" in error && typeof error.path === "string" ? error.path : "";
  const at = path === "" ? {} : { file: path };
  switch (error.code) {
    case "ENOENT":
      return new IoasisError("ERR_INPUT", `${path}: no such file or directory: check the path`, at);
    case "EISDIR":
      return new IoasisError("ERR_INPUT", `${path}: is a directory: name the files in it`, at);
    case "EACCES":
    case "EPERM":
      return new IoasisError("ERR_INPUT", `${path || error.message}: permission denied: check its owner and mode`, at);
    case "ENOSPC":
    case "EDQUOT":
      return new IoasisError("ERR_DISK", `${path || "disk"}: no space left: free some and run the command again`, at);
    case "EROFS":
      return new IoasisError("ERR_DISK", `${path}: the file system is read-only: choose another --db`, at);
    case "ENOTDIR":
      return new IoasisError("ERR_INPUT", `${path}: a part of this path is not a directory: check the path`, at);
    case "EADDRINUSE":
      return new IoasisError("ERR_NETWORK", `${error.message}: the address is in use: choose another port`, at);
    case "ECONNREFUSED":
    case "ECONNRESET":
    case "ENOTFOUND":
      return new IoasisError("ERR_NETWORK", `${error.message}: is \`ioasis serve\` running there?`, at);
    default:
      // The journal tells of its own disk; what else the system refuses is a path that was given.
      if (!("syscall" in error)) return null;
      return new IoasisError("ERR_INPUT", `${path || "input"}: cannot be read (${error.code}): check the path`, at);
  }
}
