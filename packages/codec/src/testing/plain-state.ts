/** A state as plain values, so that two can be compared in full. */
import type { ContextState } from "@ioasis/core";

export function plainState(state: ContextState): unknown {
  const { spaces, ...rest } = state;
  return {
    ...rest,
    hwpts: Array.from(state.hwpts, (hwpt) => hwpt ?? null),
    spaces: spaces.map(({ areas, known, ...space }) => ({
      ...space,
      areas: [...areas.all()],
      known: known.ranges(),
    })),
  };
}
