/** The part of fs-native-extensions that `node-disk.ts` uses; the package brings no types. */
declare module "fs-native-extensions" {
  /**
   * Takes the exclusive lock of the whole open file (Linux: F_OFD_SETLK), without waiting.
   * @returns false when another open file holds it
   */
  export function tryLock(fd: number): boolean;
  export function unlock(fd: number): void;
}
