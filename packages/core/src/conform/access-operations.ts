/** Operations of in-kernel users of a space. */
import { decide } from "../decide/decide.ts";
import { FreeIds, ioasOf } from "../decide/objects.ts";
import { type Checked, NOTHING, plain } from "./operation.ts";
import { countHandle, handleNumber, outOf, rangeFrom } from "./recorded.ts";

export const createAccess: Checked = {
  decide({ in: given }, replay) {
    const access = replay.nextHandle("access");
    const [ioasId, flags] = [given.number("ioas_id"), given.number("flags")];
    const command = { command: "CreateAccess", access, ioasId, flags } as const;
    const { errno, events } = decide<"CreateAccess">(replay.state, command, replay.profile, replay.environment);
    return { errno, events, out: errno === null ? { access } : {} };
  },
  /** It takes an id that the recording does not show. */
  follow(step, { state }) {
    const space = ioasOf(state, step.in.number("ioas_id"));
    const pins = (step.in.number("flags") & 1) !== 0;
    const kernelId = new FreeIds(state).take();
    return [
      { type: "AccessAttached", access: outOf(step).text("access"), kernelId, ioas: space?.handle ?? null, pins },
    ];
  },
};

export const replaceAccess: Checked = {
  decide({ in: given }, replay) {
    const [access, ioasId] = [given.handle("access"), given.number("ioas_id")];
    const command = { command: "ReplaceAccess", access, ioasId } as const;
    const outcome = decide<"ReplaceAccess">(replay.state, command, replay.profile, replay.environment);
    const remember = () => (outcome.out?.isMoved === true ? replay.unpinAll(access) : undefined);
    return { ...plain(outcome), remember };
  },
  follow({ in: given }, replay) {
    const name = given.handle("access");
    const access = replay.state.accesses.get(name);
    const space = ioasOf(replay.state, given.number("ioas_id"));
    if (access === undefined) return [];
    replay.unpinAll(name);
    return [{ type: "AccessAttached", access: name, ...access, ioas: space?.handle ?? null }];
  },
};

export const closeAccess: Checked = {
  decide({ in: given }, replay) {
    const access = given.handle("access");
    if (!replay.state.accesses.has(access)) return { errno: "EBADF", out: {}, events: [] };
    return {
      errno: null,
      out: {},
      events: [{ type: "AccessClosed", access }],
      remember: () => replay.unpinAll(access),
    };
  },
  follow({ in: given }, replay) {
    replay.unpinAll(given.handle("access"));
    return [{ type: "AccessClosed", access: given.handle("access") }];
  },
};

export const accessPages: Checked = {
  decide({ in: given }, replay) {
    const command = {
      command: "PinAccess",
      access: given.handle("access"),
      iova: given.u64("iova"),
      length: given.u64("length"),
      flags: given.number("flags"),
      userVa: given.u64("va"),
    } as const;
    const { environment } = replay;
    const { errno, events, out } = decide<"PinAccess">(replay.state, command, replay.profile, environment);
    if (out === null) return { errno, events, out: {} };
    const apages = replay.nextHandle("apages");
    const remember = () => {
      environment.pins.set(apages, out.pin);
      environment.pinsMade.set(command.access, out.pin.item + 1);
      replay.count("apages", handleNumber(apages));
    };
    return { errno, events, out: { apages, item_id: out.pin.item }, remember };
  },
  follow(step, replay) {
    const access = step.in.text("access");
    const ioas = replay.state.accesses.get(access)?.ioas ?? null;
    if (ioas === null) return [];
    const item = outOf(step).number("item_id");
    const range = rangeFrom(step.in.u64("iova"), step.in.u64("length"));
    replay.environment.pins.set(outOf(step).text("apages"), { access, ioas, item, ...range });
    replay.environment.pinsMade.set(access, item + 1);
    countHandle(step, replay, "apages");
    return [];
  },
};

export const destroyAccessPages: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = { command: "UnpinAccess", access: given.handle("access"), item: given.number("item_id") } as const;
    const outcome = decide<"UnpinAccess">(state, command, profile, environment);
    const { out } = outcome;
    return { ...plain(outcome), ...(out === null ? {} : { remember: () => void environment.pins.delete(out.pin) }) };
  },
  follow({ in: given }, { environment }) {
    environment.pins.delete(given.text("apages"));
    return [];
  },
};

/** The bytes that are read and written are not the model's. */
export const accessMemory: Checked = {
  decide({ in: given }, { state, profile, environment }) {
    const command = {
      command: "AccessMemory",
      access: given.handle("access"),
      iova: given.u64("iova"),
      length: given.u64("length"),
      flags: given.number("flags"),
    } as const;
    return plain(decide<"AccessMemory">(state, command, profile, environment));
  },
  follow: NOTHING,
  unchecked: () => ({ name: "access_rw.matches_va_off", fields: ["matches_va_off", "cmp_va_off"] }),
};
