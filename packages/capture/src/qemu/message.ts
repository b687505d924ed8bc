/**
 * What QEMU itself prints beside its trace events: error_report, warn_report, hw_error.
 *
 * Of these only the ones about a map or unmap matter; they carry the errno that no trace event has:
 *
 *     VFIO_MAP_DMA failed: Invalid argument                                       (up to 9.2)
 *     IOMMU_IOAS_MAP failed: Bad address, PCI BAR?
 *     vfio_dma_map(0x<container>, 0x<iova>, 0x<size>, 0x<va>) = -22 (Invalid argument)   (up to 8.2)
 *     vfio_container_dma_map(...), vfio_container_dma_unmap(0x<container>, 0x<iova>, 0x<size>) = ...  (from 9.0)
 */
import { type Errno, errnoOfNumber } from "@ioasis/core";
import { errnoOfText } from "../strerror.ts";

export type Direction = "map" | "unmap";

export type Message =
  /** The ioctl failed; which range it was about comes on another line. */
  | { readonly kind: "failed"; readonly direction: Direction; readonly isIommufd: boolean; readonly errno: Errno }
  | {
      readonly kind: "returned";
      readonly direction: Direction;
      readonly iova: bigint;
      readonly length: bigint;
      readonly va: bigint | null;
      readonly errno: Errno;
      /** What the text in parentheses says, where it says something else than the number. */
      readonly contradiction: string | null;
    }
  /** VFIO had no window for a region, and did not even ask. */
  | { readonly kind: "outside"; readonly iova: bigint; readonly last: bigint }
  | { readonly kind: "gave-up" };

const FAILED = /\b(VFIO|IOMMU_IOAS)_(UN)?MAP(?:_DMA|_FILE)? failed: ([^,]*)/;
const RETURNED = /\bvfio_(?:container_)?dma_(un)?map\(([^)]*)\) = (-?\d+) \(([^)]*)\)/;
const OUTSIDE = /can't map guest IOVA region 0x([0-9a-f]{1,16})\.\.0x([0-9a-f]{1,16})/;
const ADDRESS = /^0x[0-9a-f]{1,16}$/;

/** What `text` says about a map or unmap, or null when it is about something else. */
export function readMessage(text: string): Message | null {
  const returned = RETURNED.exec(text);
  if (returned !== null) return readReturned(returned);
  const failed = FAILED.exec(text);
  if (failed !== null) {
    const direction = failed[2] === undefined ? "map" : "unmap";
    return { kind: "failed", direction, isIommufd: failed[1] !== "VFIO", errno: errnoOfText(failed[3] as string) };
  }
  const outside = OUTSIDE.exec(text);
  if (outside !== null) return { kind: "outside", iova: BigInt(`0x${outside[1]}`), last: BigInt(`0x${outside[2]}`) };
  return text.includes("vfio: DMA mapping failed") ? { kind: "gave-up" } : null;
}

function readReturned(match: RegExpExecArray): Message | null {
  const [, iova, length, va] = (match[2] as string).split(", ");
  if (iova === undefined || length === undefined || !ADDRESS.test(iova) || !ADDRESS.test(length)) return null;
  const errno = errnoOfNumber(-Number(match[3]));
  const text = match[4] as string;
  return {
    kind: "returned",
    direction: match[1] === undefined ? "map" : "unmap",
    iova: BigInt(iova),
    length: BigInt(length),
    va: va !== undefined && ADDRESS.test(va) ? BigInt(va) : null,
    errno,
    contradiction: isOtherText(text, errno) ? `${match[3]} (${text})` : null,
  };
}

function isOtherText(text: string, errno: Errno): boolean {
  const told = errnoOfText(text);
  return told !== "UNKNOWN" && told !== errno;
}
