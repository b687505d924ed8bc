/**
 * The errno names a refusal can carry. The position in the list is the code on disk:
 * names are only ever added at the end.
 */
export const ERRNOS = [
  "",
  "EPERM",
  "ENOENT",
  "EINTR",
  "EIO",
  "ENXIO",
  "E2BIG",
  "EBADF",
  "ENOMEM",
  "EACCES",
  "EFAULT",
  "EBUSY",
  "EEXIST",
  "ENODEV",
  "EINVAL",
  "ENOTTY",
  "ENOSPC",
  "ESPIPE",
  "EDEADLK",
  "EOVERFLOW",
  "EBADFD",
  "EMSGSIZE",
  "EOPNOTSUPP",
  "EADDRINUSE",
  "EAGAIN",
  "UNKNOWN",
  "EBADE",
  "ERANGE",
  "ENOSYS",
] as const;

/** `"UNKNOWN"`: the call failed and the source does not say why. */
export type Errno = Exclude<(typeof ERRNOS)[number], "">;

const CODES: ReadonlyMap<string, number> = new Map(ERRNOS.map((name, code) => [name, code]));

/** Linux numbers (asm-generic/errno.h) of the names above. */
const NUMBERS: Readonly<Record<number, Errno>> = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  7: "E2BIG",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  22: "EINVAL",
  25: "ENOTTY",
  28: "ENOSPC",
  29: "ESPIPE",
  34: "ERANGE",
  35: "EDEADLK",
  38: "ENOSYS",
  52: "EBADE",
  75: "EOVERFLOW",
  77: "EBADFD",
  90: "EMSGSIZE",
  95: "EOPNOTSUPP",
  98: "EADDRINUSE",
};

/** 0 for null (no refusal). */
export function errnoCode(errno: Errno | null): number {
  return errno === null ? 0 : (CODES.get(errno) ?? errnoCode("UNKNOWN"));
}

export function errnoOfCode(code: number): Errno | null {
  if (code === 0) return null;
  return (ERRNOS[code] ?? "UNKNOWN") as Errno;
}

/** The name of a positive Linux errno number; `"UNKNOWN"` for one that no call here returns. */
export function errnoOfNumber(number: number): Errno {
  return NUMBERS[number] ?? "UNKNOWN";
}

/** The errno that a name stands for, or null when it is none of ours. */
export function errnoOfName(name: string): Errno | null {
  return name !== "" && CODES.has(name) ? (name as Errno) : null;
}
