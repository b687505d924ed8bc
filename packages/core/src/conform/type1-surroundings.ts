/** Operations of type1 recordings on the process and the machine: not the model's to check, but what later calls meet. */
import { PAGE_BYTES } from "../type1/environment.ts";
import type { Step } from "./recording.ts";
import { type Type1Replay, userVaOf } from "./type1-replay.ts";

type Follow = (step: Step, replay: Type1Replay) => void;

const wholePages = (bytes: bigint): bigint => ((bytes + PAGE_BYTES - 1n) / PAGE_BYTES) * PAGE_BYTES;

const moduleParameter: Follow = ({ in: given }, { environment }) => {
  if (given.text("name") === "dma_entry_limit") environment.entriesMax = Number(given.text("value"));
};

const rlimitMemlock: Follow = ({ in: given }, { environment }) => {
  environment.memlockBytes = given.u64("bytes");
};

const dropCapabilities: Follow = (_step, { environment }) => {
  environment.canLockMemory = false;
};

const munmap: Follow = ({ in: given }, { environment }) => {
  const [va, length] = [userVaOf(given), wholePages(given.u64("length"))];
  environment.memory = environment.memory.without(va, length);
  environment.deviceMemory = environment.deviceMemory.without(va, length);
};

const mprotect: Follow = ({ in: given }, { environment }) => {
  const [va, length, prot] = [userVaOf(given), wholePages(given.u64("length")), given.number("prot")];
  environment.memory = environment.memory.protected(va, length, prot);
  environment.deviceMemory = environment.deviceMemory.protected(va, length, prot);
};

const nothing: Follow = () => {};

/** Counted as ignored, the effect is applied. The last four move bytes or let a device move them, which no call looks at. */
export const TYPE1_FOLLOWED: ReadonlyMap<string, Follow> = new Map([
  ["module_param", moduleParameter],
  ["rlimit_memlock", rlimitMemlock],
  ["drop_caps", dropCapabilities],
  ["munmap", munmap],
  ["mprotect", mprotect],
  ["dev_enable", nothing],
  ["fill", nothing],
  ["peek", nothing],
  ["edu_dma", nothing],
]);
