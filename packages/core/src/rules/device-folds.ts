/** Rules on devices, and on what must be gone before a space or a device is. */
import { attachmentKey } from "../state.ts";
import { appliesTo, deviceIsAnyOf } from "./conditions.ts";
import type { Rule, RuleFold, RuleSink } from "./rule.ts";
import { rangeWords, spaceWords } from "./wording.ts";

export function deviceOutsideFold(rule: Rule, devices: readonly string[], sink: RuleSink): RuleFold {
  return {
    types: ["DeviceAttached"],
    after(moment) {
      const { event } = moment.recorded;
      if (event.type !== "DeviceAttached" || deviceIsAnyOf(event.device, devices)) return;
      if (!appliesTo(rule, moment, event, sink)) return;
      const space = event.ioas === null ? "a space not told" : `ioas${event.ioas}`;
      sink.violation(rule, moment, `${event.device} was attached to ${space}: only ${devices.join(", ")} may be`);
    },
  };
}

/** A device is in two spaces when attachments of it (with PASIDs, or after a lost detach) name both. */
export function twoSpacesFold(rule: Rule, sink: RuleSink): RuleFold {
  return {
    types: ["DeviceAttached"],
    after(moment) {
      const { event } = moment.recorded;
      if (event.type !== "DeviceAttached") return;
      const { device, ioas } = event;
      if (ioas === null)
        return sink.note(rule, moment.context, "some devices are attached to a space that is not told");
      const other = moment.attached.otherSpaceOf(device, ioas);
      if (other === null || !appliesTo(rule, moment, event, sink)) return;
      const detail = `${device} was attached to ioas${ioas} while it is attached to ioas${other.ioas} since version ${other.since}`;
      sink.violation(rule, moment, detail);
    },
  };
}

export function faultFold(rule: Rule, sink: RuleSink): RuleFold {
  return {
    types: ["FaultReported"],
    after(moment) {
      const { event } = moment.recorded;
      if (event.type !== "FaultReported") return;
      const { device, iova, access, reason } = event;
      const pasid = event.pasid ?? null;
      const ioas = device === null ? null : (moment.state.attachments.get(attachmentKey(device, pasid))?.ioas ?? null);
      if (!appliesTo(rule, moment, { ioas, device }, sink)) return;
      const where = `${iova === null ? "an address not told" : `0x${iova.toString(16)}`}${ioas === null ? "" : ` in ioas${ioas}`}`;
      sink.violation(rule, moment, `${device ?? "a device not told"} faulted at ${where} (${access}): ${reason}`);
    },
  };
}

/** `detach`: of the last device of a space that is still mapped. */
export function unmapBeforeFold(rule: Rule, what: "destroy" | "detach", sink: RuleSink): RuleFold {
  return {
    types: [what === "destroy" ? "IoasDestroyed" : "DeviceDetached"],
    before(moment) {
      const { event } = moment.recorded;
      const { state, context } = moment;
      let ioas: number;
      if (what === "destroy") {
        if (event.type !== "IoasDestroyed") return;
        ioas = event.ioas;
      } else {
        if (event.type !== "DeviceDetached") return;
        const own = state.attachments.get(attachmentKey(event.device, event.pasid));
        if (own === undefined || own.ioas === null)
          return sink.note(rule, context, "some devices are detached from a space that is not told");
        ioas = own.ioas;
        if (moment.attached.countOf(ioas) > 1) return;
      }
      const { areas, isWhole } = state.space(ioas);
      const [first] = areas.all();
      if (first === undefined) {
        if (!isWhole) sink.note(rule, context, `what ioas${ioas} had mapped before the recording began is not told`);
        return;
      }
      const device = event.type === "DeviceDetached" ? event.device : undefined;
      if (!appliesTo(rule, moment, { ioas, ...(device === undefined ? {} : { device }) }, sink)) return;
      const still = `${areas.size} mappings, first ${rangeWords(first.iova, first.last)} of version ${first.version}`;
      const act =
        device === undefined ? `${spaceWords(moment, ioas)} was destroyed` : `${device} was detached from ioas${ioas}`;
      sink.violation(rule, moment, `${act} with ${still}`);
    },
  };
}
