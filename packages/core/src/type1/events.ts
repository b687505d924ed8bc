/** What calls change. Past tense; a refused call may have some too (an unmap that faults half way). */
import type { Iova } from "../address.ts";
import type { Range } from "../range.ts";
import type { GroupNumber } from "./environment.ts";
import type { Layout } from "./state.ts";
import type { Type1Profile } from "./type1-profile.ts";

export type Type1Event = Readonly<
  | { type: "ContainerOpened" }
  | { type: "ContainerClosed"; container: number }
  | { type: "GroupOpened"; group: GroupNumber }
  | { type: "GroupClosed"; group: number }
  | { type: "DeviceOpened"; group: number }
  | { type: "DeviceClosed"; device: number }
  | { type: "GroupJoined"; group: number; container: number }
  | { type: "GroupLeft"; group: number }
  | { type: "DriverSet"; container: number; profile: Type1Profile; entriesMax: number; layout: Layout }
  /** With all its mappings. */
  | { type: "DriverReleased"; container: number }
  | { type: "LayoutChanged"; container: number; layout: Layout }
  /** `flags`: 1 read, 2 write. */
  | {
      type: "DmaMapped";
      container: number;
      range: Range;
      flags: number;
      userVa: bigint;
      lockedPages: bigint;
    }
  /** The mappings that begin at these IOVAs. */
  | { type: "DmaUnmapped"; container: number; iovas: readonly Iova[] }
  | { type: "VaddrsInvalidated"; container: number; iovas: readonly Iova[] }
  | { type: "VaddrUpdated"; container: number; iova: Iova; userVa: bigint }
  | { type: "DirtyTrackingStarted"; container: number }
  | { type: "DirtyTrackingStopped"; container: number }
  /** What remains above the last page of mappings' bitmaps (see `Driver.spareBits`). */
  | { type: "DirtyBitmapsRead"; container: number; spareBits: readonly (readonly [Iova, bigint])[] }
>;
