/** Operations on spaces that only some kernels or compatibility layers have. */
import { hex } from "../address.ts";
import { decide } from "../decide/decide.ts";
import { ioasOf } from "../decide/objects.ts";
import { type Checked, NOTHING, plain } from "./operation.ts";
import { handleNumber, outOf } from "./recorded.ts";
import { frameOf, mapped } from "./space-operations.ts";

export const mapFile: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "MapFile",
      ioasId: given.number("ioas_id"),
      flags: given.number("flags"),
      fd: given.isNull("fd") ? null : handleNumber(given.text("fd")),
      start: given.u64("start"),
      length: given.u64("length"),
      iova: given.u64("iova"),
      ...frameOf(given),
    } as const;
    const { errno, events, out } = decide<"MapFile">(state, command, profile, environment);
    return { errno, events, out: out === null ? {} : { iova: hex(out.iova) } };
  },
  follow(step, { state }) {
    const space = ioasOf(state, step.in.number("ioas_id"));
    if (space === null || step.in.isNull("fd")) return [];
    const source = { kind: "file", fd: handleNumber(step.in.text("fd")), start: step.in.u64("start") } as const;
    return mapped(space.handle, step, outOf(step).u64("iova"), step.in.u64("length"), source);
  },
};

export const changeProcess: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = { command: "ChangeProcess", ...frameOf(given) } as const;
    return plain(decide<"ChangeProcess">(state, command, profile, environment));
  },
  follow: NOTHING,
};

/** What a recorder may call struct iommu_vfio_ioas's op. */
const OPERATION_NAMES = ["op", "vfio_op", "ioas_op", "option_op"];

/** From source, not refereed: no recording holds one, so what it would call the fields of `out` is not known. */
export const vfioIoas: Checked = {
  decide({ in: given, out: recorded }, { state, profile, environment }) {
    const operation = given.number(OPERATION_NAMES.find((name) => given.has(name)) ?? "op");
    const ioasId = given.numberOr0("ioas_id");
    const command = { command: "UseVfioIoas", operation, ioasId, ...frameOf(given) } as const;
    const outcome = decide<"UseVfioIoas">(state, command, profile, environment);
    const { out } = outcome;
    if (out === null) return plain(outcome);
    const told = (name: string) => (typeof recorded[name] === "string" ? `ioas${out.ioas}` : out.ioasId);
    const names = out.ioasId === null ? [] : Object.keys(recorded);
    return {
      errno: null,
      events: outcome.events,
      out: Object.fromEntries(names.map((name) => [name, told(name)])),
    };
  },
  follow: NOTHING,
};
