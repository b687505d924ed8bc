/**
 * Which open file an fd of a process stands for, as far as calls on that fd have shown it.
 *
 * A call may name an fd that no call was made on yet (BIND_IOMMUFD on a fresh iommufd); it then
 * goes by the name `PID:FD` until the first call on it tells the file.
 */
const FDS_MAX = 65_536;

export class OpenFiles {
  readonly #fileOf = new Map<string, string>();
  readonly #waiting = new Map<string, string>();

  /** A call was made on `fd`. Returns the name by which this file went until now, if it had one. */
  see(pid: number | null, fd: number, file: string): string | null {
    const name = `${pid}:${fd}`;
    if (this.#fileOf.get(name) === file) return null;
    if (this.#fileOf.size >= FDS_MAX) this.#fileOf.clear();
    this.#fileOf.set(name, file);
    if (this.#waiting.get(name) !== name) return null;
    this.#waiting.set(name, file);
    return name;
  }

  /** The file behind the fd, as far as calls have shown it. */
  known(pid: number | null, fd: number): string | null {
    return this.#fileOf.get(`${pid}:${fd}`) ?? null;
  }

  /** The file behind the fd, or its name until it is known. */
  named(pid: number | null, fd: number): string {
    const name = `${pid}:${fd}`;
    const file = this.#fileOf.get(name);
    if (file !== undefined) return file;
    if (this.#waiting.size >= FDS_MAX) this.#waiting.clear();
    this.#waiting.set(name, name);
    return name;
  }

  /** What a name has turned out to be; files are themselves. */
  of(fileOrName: string): string {
    return this.#waiting.get(fileOrName) ?? fileOrName;
  }
}
