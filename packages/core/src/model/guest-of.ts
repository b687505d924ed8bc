/** What the guest of a context may be told, from what the context was made with. */
import type { JsonObject } from "../event-json.ts";
import { guestView, guestViewToJson } from "../policy/guest-view.ts";
import { policyRules } from "../policy/policy-rules.ts";
import { type ContextCreated, setupOf } from "./setup.ts";

/** Null: the context is held to no policy. @throws IoasisError as `modelOf` */
export function guestOf(created: ContextCreated): JsonObject | null {
  const setup = setupOf(created);
  return setup.policy === null ? null : guestViewToJson(guestView(policyRules({ ...setup, policy: setup.policy })));
}
