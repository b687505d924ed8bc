/** Mistakes of the kernel that a user should know by name, rather than rely on. */

export interface SpaprBug {
  readonly name: string;
  /** When it strikes. */
  readonly condition: string;
  readonly effect: string;
  /** Whether errno and effects are the same on every run, so that the model tells them all the same. */
  readonly isPredictable: boolean;
}

/** M7 of pseries: iommu_tce_put_param_check looks at the first page only. */
export const PAST_WINDOW_END: SpaprBug = {
  name: "spapr-map-past-window-end",
  condition: "v2, pseries: MAP begins inside a window and ends past it, and the table of user addresses has room there",
  effect:
    "the firmware refuses the page past the end (EINTR, its raw code -4) and the use count of that page's region leaks, " +
    "so that it can never be unregistered; where the firmware's window is larger, the TCE past the end is set and " +
    "outlives REMOVE",
  isPredictable: true,
};

export const PAST_WINDOW_END_OOPS: SpaprBug = {
  name: "spapr-map-past-window-end-oops",
  condition: "v2, pseries: the same where the table of user addresses fills its pages",
  effect: "tce_iommu_build_v2 reaches past the table: the kernel oopses, the process dies, its PE stays in use",
  isPredictable: false,
};

export const PAST_TABLE_END: SpaprBug = {
  name: "spapr-map-past-table-end",
  condition: "powernv: MAP begins inside a window and ends past it",
  effect: "pnv_tce_xchg writes TCEs behind the table into whatever memory is there, and the call succeeds",
  isPredictable: true,
};

export const UNMAP_PAST_TABLE_END: SpaprBug = {
  name: "spapr-unmap-past-table-end",
  condition: "powernv before 7.3: UNMAP begins inside a window and ends past it",
  effect:
    "tce_iommu_clear zeroes what lies behind the table and the call succeeds; where that is the table of user " +
    "addresses, use counts never fall again, and what an UNREGISTER gives back of VmLck differs from run to run",
  isPredictable: true,
};

export const UNDEFINED_SHIFT: SpaprBug = {
  name: "spapr-undefined-shift",
  condition: "powernv: CREATE of a window so much smaller than its page that a size is 1 << (a negative number)",
  effect: "whether the window is made, its size and what it is charged depend on compiler and machine",
  isPredictable: false,
};

export const SPAPR_BUGS = [
  PAST_WINDOW_END,
  PAST_WINDOW_END_OOPS,
  PAST_TABLE_END,
  UNMAP_PAST_TABLE_END,
  UNDEFINED_SHIFT,
] as const;
