/**
 * Operations of the sPAPR recordings that are inputs of the model or memory contents: a closed list. They are
 * counted as ignored; what the inputs change, the model knows from then on.
 */
import { decideSpapr } from "../spapr/decide.ts";
import type { Fields } from "./fields.ts";
import { handleNumber } from "./recorded.ts";
import type { SpaprReplay } from "./spapr-replay.ts";

type Follow = (given: Fields, replay: SpaprReplay) => void;

const nothing: Follow = () => {};

/** Numbers after VFIO_BASE of the calls that take no argument, and so work without one. */
const RAW_CALLS: ReadonlyMap<number, "Enable" | "Disable"> = new Map([
  [15, "Enable"],
  [16, "Disable"],
]);

function rawIoctl(given: Fields, replay: SpaprReplay): void {
  const command = RAW_CALLS.get(given.number("nr"));
  if (command === undefined) return;
  const container = given.isNull("container") ? -1 : handleNumber(given.text("container"));
  replay.apply(decideSpapr<typeof command>(replay.state, { command, container }, replay.environment).events);
}

export const SPAPR_FOLLOWED: ReadonlyMap<string, Follow> = new Map<string, Follow>([
  ["fill", nothing],
  ["peek", nothing],
  ["dma_copy", nothing],
  ["raw_ioctl", rawIoctl],
  [
    "munmap",
    (given, { environment }) => {
      environment.memory = environment.memory.without(given.u64("va"), given.u64("size"));
    },
  ],
  [
    "mprotect",
    (given, { environment }) => {
      environment.memory = environment.memory.protected(given.u64("va"), given.u64("size"), given.number("prot"));
    },
  ],
  [
    "rlimit_memlock",
    (given, { environment }) => {
      environment.memlockBytes = given.u64("val");
    },
  ],
  [
    "drop_caps",
    (given, { environment }) => {
      if (given.text("cap") === "CAP_IPC_LOCK") environment.canLockMemory = false;
    },
  ],
]);
