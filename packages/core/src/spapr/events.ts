/** What calls change. Facts: folding never refuses. */
import type { PeNumber } from "./environment.ts";
import type { WindowShape } from "./state.ts";

/** A range of one window's pages; `first` and `last` are bus addresses, `last` included. */
interface Tces {
  readonly container: number;
  readonly slot: number;
  readonly first: bigint;
  readonly last: bigint;
}

export type SpaprEvent =
  | { readonly type: "ContainerOpened" }
  | { readonly type: "ContainerClosed"; readonly container: number }
  | { readonly type: "GroupOpened"; readonly pe: PeNumber }
  | { readonly type: "GroupJoined"; readonly group: number; readonly container: number }
  | { readonly type: "GroupLeft"; readonly group: number }
  | { readonly type: "DeviceOpened"; readonly group: number }
  | { readonly type: "DeviceClosed"; readonly device: number }
  | { readonly type: "DriverSet"; readonly container: number; readonly version: 1 | 2 }
  | { readonly type: "DriverReleased"; readonly container: number }
  /** The container belongs to the calling process from here on. */
  | { readonly type: "ProcessTied"; readonly container: number }
  | { readonly type: "ContainerEnabled"; readonly container: number; readonly chargedPages: bigint }
  | { readonly type: "ContainerDisabled"; readonly container: number }
  /** A table was charged and no window came of it: nobody gives these pages back. */
  | { readonly type: "ChargeKept"; readonly pages: bigint }
  /** The default window is made or cancelled: no call makes it implicitly any more. */
  | { readonly type: "DefaultWindowSettled"; readonly container: number }
  | {
      readonly type: "WindowCreated";
      readonly container: number;
      readonly slot: number;
      readonly shape: WindowShape;
    }
  | { readonly type: "WindowRemoved"; readonly container: number; readonly slot: number }
  | { readonly type: "PePoisoned"; readonly pe: PeNumber }
  /** `flags`: 1 the device reads, 2 it writes. Replaces what was there. */
  | (Tces & { readonly type: "TcesSet"; readonly va: bigint; readonly flags: number })
  | (Tces & { readonly type: "TcesCleared" })
  /** The region that holds `va` is counted as mapped once more, by no TCE. */
  | { readonly type: "UseCountLeaked"; readonly va: bigint }
  /** Something was written behind a table in the kernel's own memory. */
  | { readonly type: "MemoryCorrupted" }
  | {
      readonly type: "RegionRegistered";
      readonly container: number;
      readonly va: bigint;
      readonly length: bigint;
      readonly pageShift: number;
    }
  | { readonly type: "RegionUnregistered"; readonly container: number; readonly va: bigint };
