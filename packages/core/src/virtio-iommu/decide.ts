/** The model of a virtio-iommu device: what a request would come to in this state. Pure; `evolve` folds the events. */
import { unreachable } from "../assert.ts";
import type { ContextState } from "../state.ts";
import { attachEndpoint } from "./attach-endpoint.ts";
import type { UnknownRequest, VirtioIommuCommand } from "./commands.ts";
import { detachEndpoint } from "./detach-endpoint.ts";
import type { VirtioIommuEnvironment } from "./environment.ts";
import { mapRange } from "./map-range.ts";
import { callRejected, rejection, type VirtioIommuOutcome } from "./outcome.ts";
import { probeEndpoint } from "./probe-endpoint.ts";
import { resetDevice } from "./reset-device.ts";
import { unmapRange } from "./unmap-range.ts";

/** What the device writes back beside its status; `UnmapRange`: what it took, which it does not tell. */
export interface VirtioIommuOutputs {
  readonly AttachEndpoint: OutOf<typeof attachEndpoint>;
  readonly DetachEndpoint: OutOf<typeof detachEndpoint>;
  readonly MapRange: OutOf<typeof mapRange>;
  readonly UnmapRange: OutOf<typeof unmapRange>;
  readonly ProbeEndpoint: OutOf<typeof probeEndpoint>;
  readonly UnknownRequest: never;
  readonly ResetDevice: OutOf<typeof resetDevice>;
}

type OutOf<Decider extends (...inputs: never[]) => VirtioIommuOutcome<unknown>> =
  ReturnType<Decider> extends VirtioIommuOutcome<infer Out> ? Out : never;

export function decideVirtioIommu<Name extends VirtioIommuCommand["command"]>(
  state: ContextState,
  command: Extract<VirtioIommuCommand, { command: Name }>,
  environment: VirtioIommuEnvironment,
): VirtioIommuOutcome<VirtioIommuOutputs[Name]>;
export function decideVirtioIommu(
  state: ContextState,
  command: VirtioIommuCommand,
  environment: VirtioIommuEnvironment,
): VirtioIommuOutcome<unknown> {
  switch (command.command) {
    case "AttachEndpoint":
      return attachEndpoint(state, command, environment);
    case "DetachEndpoint":
      return detachEndpoint(state, command, environment);
    case "MapRange":
      return mapRange(state, command, environment);
    case "UnmapRange":
      return unmapRange(state, command, environment);
    case "ProbeEndpoint":
      return probeEndpoint(command, environment);
    case "UnknownRequest":
      return unknownRequest(command, environment);
    case "ResetDevice":
      return resetDevice(state, environment);
    default:
      return unreachable(command);
  }
}

const UNSUPPORTED = rejection("UNSUPP", "virtio_iommu_handle_command: unknown type");
const UNWRITTEN = rejection(null, "Request::parse, 5.13.6.2: unknown type, given back unwritten");

function unknownRequest(
  { command }: UnknownRequest,
  { implementation }: VirtioIommuEnvironment,
): VirtioIommuOutcome<never> {
  return callRejected(command, implementation === "qemu" ? UNSUPPORTED : UNWRITTEN);
}
