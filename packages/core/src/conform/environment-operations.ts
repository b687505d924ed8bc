/** Operations whose outcome is not checked yet and that change what later calls meet: accesses, memory, limits, files. */
import { FreeIds, ioasOf } from "../decide/objects.ts";
import type { Follow } from "./operation.ts";
import { handleNumber, outOf, rangeFrom } from "./recorded.ts";
import { mapped } from "./space-operations.ts";

/** An access takes an id that the recording does not show. */
export const createAccess: Follow = (step, { state }) => {
  const space = ioasOf(state, step.in.number("ioas_id"));
  const pins = (step.in.number("flags") & 1) !== 0;
  const kernelId = new FreeIds(state).take();
  return [{ type: "AccessAttached", access: outOf(step).text("access"), kernelId, ioas: space?.handle ?? null, pins }];
};

export const replaceAccess: Follow = ({ in: given }, { state, environment }) => {
  const name = given.text("access");
  const access = state.accesses.get(name);
  const space = ioasOf(state, given.number("ioas_id"));
  if (access === undefined) return [];
  for (const [pin, { access: owner }] of environment.pins) if (owner === name) environment.pins.delete(pin);
  const { kernelId, pins } = access;
  return [{ type: "AccessAttached", access: name, kernelId, ioas: space?.handle ?? null, pins }];
};

export const closeAccess: Follow = ({ in: given }, { environment }) => {
  const access = given.text("access");
  for (const [pin, { access: owner }] of environment.pins) if (owner === access) environment.pins.delete(pin);
  return [{ type: "AccessClosed", access }];
};

export const accessPages: Follow = (step, { state, environment }) => {
  const access = step.in.text("access");
  const ioas = state.accesses.get(access)?.ioas ?? null;
  if (ioas === null) return [];
  const range = rangeFrom(step.in.u64("iova"), step.in.u64("length"));
  environment.pins.set(outOf(step).text("apages"), { access, ioas, ...range });
  return [];
};

export const destroyAccessPages: Follow = ({ in: given }, { environment }) => {
  environment.pins.delete(given.text("apages"));
  return [];
};

export const munmap: Follow = ({ in: given }, { environment }) => {
  environment.memory = environment.memory.without(given.u64("va"), given.u64("length"));
  return [];
};

export const mprotect: Follow = ({ in: given }, { environment }) => {
  const length = given.u64(given.has("length") ? "length" : "size");
  environment.memory = environment.memory.protected(given.u64("va"), length, given.number("prot"));
  return [];
};

export const rlimitMemlock: Follow = ({ in: given }, { environment }) => {
  environment.memlockBytes = given.u64("bytes");
  return [];
};

export const dropCapabilities: Follow = (_step, { environment }) => {
  environment.canLockMemory = false;
  environment.canSetLimits = false;
  return [];
};

export const mapFile: Follow = (step, { state }) => {
  const space = ioasOf(state, step.in.number("ioas_id"));
  if (space === null) return [];
  const source = { kind: "file", fd: handleNumber(step.in.text("fd")), start: step.in.u64("start") } as const;
  return [mapped(space.handle, step, outOf(step).u64("iova"), step.in.u64("length"), source)];
};
