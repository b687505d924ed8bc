/** What handles in events stand for. They must exist. */
import { assert } from "../assert.ts";
import type { Container, Driver, Group, Pe, SpaprState, TceWindow } from "./state.ts";

/** Of the group that the platform is asked for. */
export function firstPe(state: SpaprState, { groups }: Driver): Pe {
  return peOf(state, groupOf(state, groups[0] ?? 0).pe);
}

/** Made when it is first spoken of. */
export function peOf(state: SpaprState, number: number): Pe {
  const known = state.pes.get(number);
  if (known !== undefined) return known;
  const pe: Pe = { isPoisoned: false, leftover: null };
  state.pes.set(number, pe);
  return pe;
}

export function containerOf(state: SpaprState, handle: number): Container {
  const container = state.containers[handle];
  assert(container !== undefined, `container ${handle} exists`);
  return container;
}

export function driverOf(state: SpaprState, handle: number): Driver {
  const { driver } = containerOf(state, handle);
  assert(driver !== null, `container ${handle} has a driver`);
  return driver;
}

export function groupOf(state: SpaprState, handle: number): Group {
  const group = state.groups[handle];
  assert(group !== undefined, `group ${handle} exists`);
  return group;
}

export function windowOf(driver: Driver, slot: number): TceWindow {
  const window = driver.windows[slot];
  assert(window !== undefined && window !== null, `window ${slot} exists`);
  return window;
}
