/** The model of VFIO with the sPAPR TCE driver, v1 and v2: what a call would come to in this state. Pure. */
import { unreachable } from "../assert.ts";
import type { SpaprCommand } from "./commands.ts";
import { checkExtension, closeContainer, setIommu, unknownCall, useEeh } from "./container-calls.ts";
import { createWindow } from "./create-window.ts";
import { disable, enable } from "./enable.ts";
import type { SpaprEnvironment } from "./environment.ts";
import { closeDevice, openDevice, openGroup, queryGroupStatus, setContainer, unsetContainer } from "./group-calls.ts";
import { mapDma } from "./map-dma.ts";
import { done, type Nothing, type SpaprOutcome } from "./outcome.ts";
import { queryTceInfo, type TceInfo } from "./query-tce-info.ts";
import { registerMemory } from "./register-memory.ts";
import { removeWindow } from "./remove-window.ts";
import type { SpaprState } from "./state.ts";
import { unmapDma } from "./unmap-dma.ts";
import { unregisterMemory } from "./unregister-memory.ts";

/** What the kernel writes back, or returns, for each command that has something to tell. */
export interface SpaprOutputs extends Record<SpaprCommand["command"], Nothing> {
  readonly OpenContainer: { readonly container: number };
  readonly OpenGroup: { readonly group: number };
  readonly OpenDevice: { readonly device: number };
  readonly QueryApiVersion: { readonly version: number };
  readonly CheckExtension: { readonly supported: number };
  readonly QueryGroupStatus: { readonly flags: number };
  readonly QueryTceInfo: TceInfo;
  readonly CreateWindow: { readonly start: bigint };
}

export function decideSpapr<Name extends SpaprCommand["command"]>(
  state: SpaprState,
  command: Extract<SpaprCommand, { readonly command: Name }>,
  environment: SpaprEnvironment,
): SpaprOutcome<SpaprOutputs[Name]>;
export function decideSpapr(
  state: SpaprState,
  command: SpaprCommand,
  environment: SpaprEnvironment,
): SpaprOutcome<unknown> {
  switch (command.command) {
    case "OpenContainer":
      return done({ container: state.containers.length }, [{ type: "ContainerOpened" }]);
    case "CloseContainer":
      return closeContainer(state, command);
    case "OpenGroup":
      return openGroup(state, command);
    case "QueryGroupStatus":
      return queryGroupStatus(state, command);
    case "SetContainer":
      return setContainer(state, command, environment);
    case "UnsetContainer":
      return unsetContainer(state, command);
    case "OpenDevice":
      return openDevice(state, command);
    case "CloseDevice":
      return closeDevice(state, command);
    case "QueryApiVersion":
      return done({ version: 0 });
    case "CheckExtension":
      return checkExtension(state, command, environment);
    case "SetIommu":
      return setIommu(state, command, environment);
    case "QueryTceInfo":
      return queryTceInfo(state, command, environment);
    case "RegisterMemory":
      return registerMemory(state, command, environment);
    case "UnregisterMemory":
      return unregisterMemory(state, command, environment);
    case "CreateWindow":
      return createWindow(state, command, environment);
    case "RemoveWindow":
      return removeWindow(state, command);
    case "Enable":
      return enable(state, command, environment);
    case "Disable":
      return disable(state, command);
    case "MapDma":
      return mapDma(state, command, environment);
    case "UnmapDma":
      return unmapDma(state, command, environment);
    case "UseEeh":
      return useEeh(state, command, environment);
    case "UnknownCall":
      return unknownCall(state, command);
    default:
      return unreachable(command);
  }
}
