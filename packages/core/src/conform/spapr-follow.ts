/** What a call did according to its recording, where the model refuses it: the replay goes on from there. */
import type { SpaprEvent } from "../spapr/events.ts";
import { slotOf, type WindowShape } from "../spapr/state.ts";
import { handleNumber, outOf } from "./recorded.ts";
import type { Step } from "./recording.ts";
import type { SpaprReplay } from "./spapr-replay.ts";

const PAGE_SHIFT_MAX = 63;

/** Calls that return a number did nothing. */
export function followSpapr(step: Step, replay: SpaprReplay): readonly SpaprEvent[] {
  const { op, in: given, out } = step;
  if (out["ret"] !== undefined || !given.has("container") || given.isNull("container")) return [];
  const container = handleNumber(given.text("container"));
  const driver = replay.state.containers[container]?.driver ?? null;
  if (driver === null) return [];
  if (op === "tce_create") return created(step, container, driver.windows.indexOf(null));
  if (op === "tce_remove") {
    const slot = slotOf(driver.windows, given.u64("start_addr"));
    return slot < 0 ? [] : [{ type: "WindowRemoved", container, slot }];
  }
  if (op !== "map_dma" && op !== "unmap_dma") return [];
  const [first, size] = [given.u64("iova"), given.u64("size")];
  const slot = slotOf(driver.windows, first);
  if (slot < 0 || size === 0n) return [];
  const tces = { container, slot, first, last: first + size - 1n };
  if (op === "unmap_dma") return [{ type: "TcesCleared", ...tces }];
  return [{ type: "TcesSet", ...tces, va: given.u64("va"), flags: given.number("flags") }];
}

/** As large as asked, whatever it is charged. */
function created(step: Step, container: number, slot: number): readonly SpaprEvent[] {
  const pageShift = step.in.number("page_shift");
  if (slot < 0 || pageShift > PAGE_SHIFT_MAX) return [];
  const entries = Math.max(1, Number(step.in.u64("window_size") >> BigInt(pageShift)));
  const shape: WindowShape = {
    start: outOf(step).u64("start_addr"),
    pageShift,
    entries,
    firmwareEntries: entries,
    viewEntries: entries,
    chargedPages: 0n,
    isDefault: false,
  };
  return [{ type: "WindowCreated", container, slot, shape }];
}
