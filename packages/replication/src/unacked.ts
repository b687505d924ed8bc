/** What was sent to a peer and is not yet known to be durable there, oldest first. */
import type { Point } from "@ioasis/store";

interface Sent {
  readonly point: Point;
  readonly bytes: number;
}

export class Unacked {
  bytes = 0;
  readonly #sent: Sent[] = [];

  /** A frame of `bytes` whose last block ends at `point`. */
  push(point: Point, bytes: number): void {
    this.#sent.push({ point, bytes });
    this.bytes += bytes;
  }

  /** The peer durably holds everything up to `point`. @returns false when no frame ended there */
  take(point: Point): boolean {
    const at = this.#sent.findIndex((sent) => sent.point.version === point.version);
    if (at < 0 || this.#sent[at]?.point.digest !== point.digest) return false;
    for (const { bytes } of this.#sent.splice(0, at + 1)) this.bytes -= bytes;
    return true;
  }
}
