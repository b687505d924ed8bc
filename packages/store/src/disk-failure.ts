import { IoasisError } from "@ioasis/core";
import type { Disk } from "./disk.ts";

/** ERR_DISK for what the operating system said about `path`: what, where, what to do. */
export function diskFailure(disk: Disk, path: string, verb: string, error: unknown): IoasisError {
  if (error instanceof IoasisError) return error;
  const code = codeOf(error);
  const at = { file: path, ...(code === "" ? {} : { errno: code }) };
  return new IoasisError("ERR_DISK", `cannot ${verb} ${path}: ${reason(disk, path, code, error)}`, at, {
    cause: error,
  });
}

export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function reason(disk: Disk, path: string, code: string, error: unknown): string {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT": {
      const free = disk.freeBytes(path);
      const left = free === null ? "" : ` (${free} bytes are free)`;
      return `the disk is full${left}. Nothing of it was kept: free space and do it again`;
    }
    case "EACCES":
    case "EPERM":
      return "permission denied. Run as the user who owns the journal, or name another with --db";
    case "EROFS":
      return "the file system is read-only. Name a journal elsewhere with --db";
    case "EMFILE":
    case "ENFILE":
      return "too many open files. Raise `ulimit -n`";
    default:
      return `${error instanceof Error ? error.message : String(error)}. Check the disk, then do it again`;
  }
}
