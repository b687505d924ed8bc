/** Plays a scenario of docs/scenarios: a context as its first line makes it, then commands and what each gives. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { hex, U64_MAX } from "../../address.ts";
import type { Command } from "../../commands.ts";
import type { Outcome } from "../../decide/outcome.ts";
import { Model } from "../../decide/testing/model.ts";
import { hostsFromJson } from "../../host/host-json.ts";
import type { HostDevice, HostProfile } from "../../host/host-profile.ts";
import { layoutFromJson } from "../../layout/layout-json.ts";
import type { DeviceTraits } from "../../profile/environment.ts";
import { WHOLE_SPACE } from "../../range.ts";
import { decideUnderPolicy } from "../decide-under-policy.ts";
import { guestView } from "../guest-view.ts";
import type { PolicyRules } from "../policy.ts";
import { policyOfName, policyRules } from "../policy-rules.ts";

type Json = Readonly<Record<string, unknown>>;

export interface Step {
  readonly line: number;
  readonly expected: unknown;
  readonly given: unknown;
}

/** A device of a host profile as the model's environment has it. */
export function traitsOf({ reserved, aperture, pageSizes, dirtyTracking }: HostDevice): DeviceTraits {
  const sizes = pageSizes ?? 0x1000n;
  return {
    pageSize: sizes & -sizes,
    aperture: aperture ?? WHOLE_SPACE,
    reserved: (reserved ?? []).filter(({ type }) => type !== "direct-relaxable"),
    refusesWiderTables: true,
    canTrackDirty: dirtyTracking ?? false,
    hwptFlags: 0,
    pagingDataType: null,
    nestedDataType: null,
    hwInfo: null,
    mapsLargePages: true,
  };
}

/** A context under a policy, all devices of the hosts opened. */
export class PolicyModel extends Model {
  readonly rules: PolicyRules | null;

  constructor(rules: PolicyRules | null, hosts: readonly HostProfile[], kernel = "6.12") {
    const devices = hosts.flatMap((host) => host.devices);
    super(
      {
        devices: new Map(devices.map((device) => [device.bdf, traitsOf(device)])),
        deviceFiles: new Map(devices.map(({ bdf }) => [bdf, bdf])),
      },
      kernel,
    );
    this.rules = rules;
  }

  override ask(command: Command): Outcome<unknown> {
    return decideUnderPolicy(this.rules, this.state, command, this.profile, this.environment);
  }
}

/** Each line but the first: `{"send":COMMAND,"gives":{...}}`, or `{"guest":{...}}` for what the guest is told. */
export function playScenario(file: string, isWhole = false): Step[] {
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .map((text, i) => ({ json: text === "" ? null : (JSON.parse(text) as Json), line: i + 1 }));
  const [head, ...rest] = lines;
  const model = modelOf(head?.json?.["create"] as Json, path.dirname(file));
  return rest.flatMap(({ json, line }): Step[] => {
    if (json === null) return [];
    if ("guest" in json)
      return [{ line, expected: json["guest"], given: model.rules === null ? null : told(guestView(model.rules)) }];
    if (!("send" in json)) return [];
    const { errno, rule, out } = model.run(commandOf(json["send"]));
    const given = errno === null ? told({ errno, ...(out as Json) }) : { errno, rule };
    return [{ line, expected: json["gives"], given: isWhole ? given : onlyOf(given as Json, json["gives"] as Json) }];
  });
}

function modelOf(create: Json, folder: string): PolicyModel {
  const read = (name: unknown): unknown => JSON.parse(readFileSync(path.join(folder, String(name)), "utf8"));
  const files = (field: string): readonly unknown[] => (create[field] ?? []) as readonly unknown[];
  const hosts = files("hosts").flatMap((name) => hostsFromJson(read(name)));
  const layout = create["layout"] === undefined ? null : layoutFromJson(read(create["layout"]));
  const rules =
    create["policy"] === undefined
      ? null
      : policyRules({ policy: policyOfName(String(create["policy"])), profile: "iommufd", layout, hosts });
  return new PolicyModel(rules, hosts, String(create["kernel"]));
}

/** The fields that the scenario speaks of. */
function onlyOf(given: Json, expected: Json): Json {
  return Object.fromEntries(Object.keys(expected).map((field) => [field, given[field]]));
}

function commandOf(value: unknown): Command {
  return revived(value) as Command;
}

function revived(value: unknown): unknown {
  if (typeof value === "string" && /^0x[0-9a-f]+$/.test(value)) return BigInt(value) & U64_MAX;
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, one]) => [field, revived(one)]));
}

/** Numbers of 64 bits as "0x...", ranges as pairs. */
function told(value: unknown): unknown {
  if (typeof value === "bigint") return hex(value);
  if (Array.isArray(value)) return value.map(told);
  if (typeof value !== "object" || value === null) return value;
  const { first, last, type, ...others } = value as Json;
  if (typeof first === "bigint" && typeof last === "bigint")
    return type === undefined ? [hex(first), hex(last)] : [hex(first), hex(last), type];
  return Object.fromEntries(
    Object.entries({ ...others, ...(type === undefined ? {} : { type }) }).map(([f, v]) => [f, told(v)]),
  );
}
