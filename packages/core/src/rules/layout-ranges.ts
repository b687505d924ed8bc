/** The ranges that rules take from a guest's layout. */
import { IoasisError } from "../failure.ts";
import { layoutFromJson } from "../layout/layout-json.ts";
import { territoryOf } from "../policy/territory.ts";
import type { Range } from "../range.ts";

/**
 * What a guest of the layout may have mapped, as the policy `fixed` has it: memory and windows of device registers
 * without what is reserved, and whatever a vIOMMU reaches; on pseries the DMA windows.
 * @param value what `ioasis layout --json` prints
 * @throws IoasisError ERR_INPUT that says what is wrong where
 */
export function layoutRanges(value: unknown): readonly Range[] {
  const { mappable } = territoryOf(layoutFromJson(value), []);
  if (mappable.length > 0) return mappable;
  throw new IoasisError("ERR_INPUT", "the layout has no range that may be mapped: make one with ioasis layout --json");
}
