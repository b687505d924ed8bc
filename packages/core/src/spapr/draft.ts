/** A driver while one call changes it: what the events so far add up to, before they are folded. */
import type { Refusal } from "../decide/outcome.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { SpaprEvent } from "./events.ts";
import type { SpaprBug } from "./kernel-bugs.ts";
import type { PeTraits } from "./platform.ts";
import type { Container, Driver, SpaprState, WindowShape } from "./state.ts";

export interface Draft {
  readonly windows: readonly (WindowShape | null)[];
  readonly lockedPages: bigint;
  readonly isPoisoned: boolean;
  readonly events: readonly SpaprEvent[];
}

/** What a draft is made over, and stays the same during the call. */
export interface Ground {
  readonly container: number;
  readonly driver: Driver;
  /** Of the group that joined last: the platform is asked for this one. */
  readonly pe: PeTraits;
  readonly peNumber: number;
  readonly environment: SpaprEnvironment;
}

/** `created`: the slot of the new window, or why there is none. */
export interface Step {
  readonly draft: Draft;
  readonly created: number | Refusal;
  readonly bug: SpaprBug | null;
}

/** Null: no group is in the container. */
export function groundOf(
  state: SpaprState,
  container: Container,
  driver: Driver,
  environment: SpaprEnvironment,
): Ground | null {
  const group = state.groups[driver.groups[0] ?? -1];
  if (group === undefined) return null;
  return { container: container.handle, driver, pe: environment.peOf(group.pe), peNumber: group.pe, environment };
}

export function draftOf(state: SpaprState, { driver, peNumber }: Ground): Draft {
  const { windows } = driver;
  return { windows, lockedPages: state.lockedPages, isPoisoned: state.isPoisoned(peNumber), events: [] };
}
