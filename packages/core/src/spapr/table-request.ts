/** What a platform is asked for a TCE table (struct iommu_table_group_ops: get_table_size, create_table). */
import type { Refusal } from "../decide/outcome.ts";
import type { SpaprBug } from "./kernel-bugs.ts";
import type { PeTraits } from "./platform.ts";
import type { WindowShape } from "./state.ts";

export interface TableRequest {
  readonly slot: number;
  readonly pageShift: number;
  /** Bytes of bus addresses. */
  readonly size: bigint;
  readonly levels: number;
  readonly pe: PeTraits;
  readonly isPoisoned: boolean;
  readonly windows: readonly (WindowShape | null)[];
  readonly kernelPageShift: number;
}

export interface TableRefusal {
  readonly refusal: Refusal;
  /** The PE will refuse every other one too. */
  readonly poisons: boolean;
  readonly bug: SpaprBug | null;
}
