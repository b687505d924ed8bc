/**
 * The two addresses (docs/policies.md) as sPAPR has them: an offset on the window that starts at a base is an
 * absolute bus address, and a base and a length asked for are a window that holds them.
 */
import type { Iova } from "../address.ts";
import type { Refusal } from "../decide/outcome.ts";
import { IoasisError } from "../failure.ts";
import { asWindow } from "../policy/alloc-address.ts";
import { busOfOffset } from "../policy/attach-address.ts";
import type { Range } from "../range.ts";
import type { CreateWindow, MapDma, SpaprCommand, UnmapDma } from "../spapr/commands.ts";
import { draftOf, groundOf } from "../spapr/draft.ts";
import type { SpaprEnvironment } from "../spapr/environment.ts";
import { makeDefaultWindow } from "../spapr/make-window.ts";
import { lastOf, type SpaprState } from "../spapr/state.ts";

export interface BasedMap {
  readonly base?: bigint;
  readonly offset?: bigint;
}

export interface BasedWindow {
  readonly base?: bigint;
  readonly length?: bigint;
}

/** The driver's own call; `as`: what the outcome says of it, null where the caller said it so. */
export interface Realised {
  readonly call: SpaprCommand;
  readonly as: Readonly<Record<string, bigint>> | null;
}

/** @throws IoasisError ERR_INPUT: neither form of an address, or both */
export function realisedCall(
  state: SpaprState,
  call: SpaprCommand,
  environment: SpaprEnvironment,
): Realised | Refusal | null {
  switch (call.command) {
    case "MapDma":
    case "UnmapDma":
      return realisedMap(state, call, environment);
    case "CreateWindow":
      return realisedWindow(state, call, environment);
    default:
      return null;
  }
}

function realisedMap(
  state: SpaprState,
  call: (MapDma | UnmapDma) & BasedMap,
  environment: SpaprEnvironment,
): Realised | Refusal | null {
  const { base } = call;
  if (base === undefined && call.offset === undefined && call.iova !== undefined) return null;
  if (base === undefined || call.iova !== undefined) throw oneOf(call.command, '"iova", or "base" and "offset"');
  const { base: _, offset = 0n, ...plain } = call;
  const windows = windowsOf(state, call.container, environment);
  // Without a driver or a window it is the kernel's to refuse.
  if (windows === null) return { call: { ...plain, iova: base }, as: null };
  const found = busOfOffset(windows, base, offset);
  return "errno" in found ? found : { call: { ...plain, iova: found.bus }, as: { iova: found.bus } };
}

/** As the call itself finds them: it makes the default window where that is pending. Null: it comes to none. */
function windowsOf(state: SpaprState, handle: number, environment: SpaprEnvironment): Range[] | null {
  const container = state.containers[handle];
  const driver = container?.driver ?? null;
  if (container === undefined || driver === null) return null;
  const ground = groundOf(state, container, driver, environment);
  if (ground === null) return null;
  const { draft, created } = makeDefaultWindow(draftOf(state, ground), ground);
  if (typeof created !== "number") return null;
  return draft.windows.flatMap((window) =>
    window === null ? [] : [{ first: window.start as Iova, last: lastOf(window) as Iova }],
  );
}

function realisedWindow(
  state: SpaprState,
  call: CreateWindow & BasedWindow,
  environment: SpaprEnvironment,
): Realised | Refusal | null {
  const { base, length, size, container, pageShift, levels } = call;
  if (base === undefined && length === undefined && size !== undefined) return null;
  if (base === undefined || length === undefined || size !== undefined)
    throw oneOf(call.command, '"size", or "base" and "length"');
  const found = asWindow(state, environment, { base, length }, { container, pageShift, levels });
  return "errno" in found ? found : { call: found, as: { size: found.size } };
}

function oneOf(command: string, forms: string): IoasisError {
  return new IoasisError("ERR_INPUT", `${command} takes ${forms}`);
}
