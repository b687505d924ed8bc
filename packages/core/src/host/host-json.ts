/** A host profile as JSON: what `host --json` prints, a person writes and `precheck --host` reads. */
import { hex } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { JsonError, rangeFromJson, rangeToJson, u64FromJson } from "../value-json.ts";
import {
  checkHost,
  type HostDevice,
  type HostLimits,
  type HostProfile,
  REGION_TYPES,
  type ReservedRegion,
} from "./host-profile.ts";

const DEVICES_MAX = 100_000;
const HOSTS_MAX = 10_000;

type Json = Readonly<Record<string, unknown>>;

export function hostToJson({ host, devices, limits, unknown }: HostProfile): Json {
  return {
    host,
    devices: devices.map(deviceToJson),
    limits: {
      memlockBytes: typeof limits.memlockBytes === "bigint" ? hex(limits.memlockBytes) : limits.memlockBytes,
      mappingsMax: limits.mappingsMax,
    },
    unknown,
  };
}

function deviceToJson({ bdf, group, reserved, aperture, pageSizes, pasidBits, dirtyTracking }: HostDevice): Json {
  return {
    bdf,
    group,
    reserved: reserved?.map((region) => ({ range: rangeToJson(region), type: region.type })) ?? null,
    aperture: aperture === null ? null : rangeToJson(aperture),
    pageSizes: pageSizes === null ? null : hex(pageSizes),
    pasidBits,
    dirtyTracking,
  };
}

/**
 * One profile or a list of them; what is left out is not told.
 * @throws IoasisError ERR_INPUT that says what is wrong where
 */
export function hostsFromJson(value: unknown): HostProfile[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (all.length === 0 || all.length > HOSTS_MAX)
    throw new IoasisError("ERR_INPUT", `${all.length} host profiles in a list: 1 to ${HOSTS_MAX} are read`);
  return all.map((one) => {
    const host = hostFromJson(one);
    checkHost(host);
    return host;
  });
}

function hostFromJson(value: unknown): HostProfile {
  let name = "?";
  try {
    const json = object(value, "the profile");
    if (typeof json["host"] !== "string" || json["host"] === "") throw new JsonError('"host" is not a name');
    name = json["host"];
    const devices = list(json["devices"], "devices");
    const unknown = json["unknown"] ?? [];
    return {
      host: name,
      devices: devices.map((device, i) => deviceFromJson(device, `devices[${i}]`)),
      limits: limitsFromJson(object(json["limits"] ?? {}, "limits")),
      unknown: Array.isArray(unknown) ? unknown.map(String) : [],
    };
  } catch (error) {
    if (error instanceof JsonError)
      throw new IoasisError("ERR_INPUT", `host profile ${name}: ${error.message}: see docs/precheck.md for the form`, {
        host: name,
      });
    throw error;
  }
}

function deviceFromJson(value: unknown, at: string): HostDevice {
  const json = object(value, at);
  const { bdf, reserved = null, aperture = null, pageSizes = null, dirtyTracking = null } = json;
  if (typeof bdf !== "string" || bdf === "") throw new JsonError(`"${at}.bdf" is not a name`);
  if (dirtyTracking !== null && typeof dirtyTracking !== "boolean")
    throw new JsonError(`"${at}.dirtyTracking" is not true, false or null`);
  const sizes = pageSizes === null ? null : u64FromJson(pageSizes, `${at}.pageSizes`);
  if (sizes === 0n) throw new JsonError(`"${at}.pageSizes" has no bit set`);
  return {
    bdf,
    group: count(typeof json["group"] === "string" ? Number(json["group"]) : json["group"], `${at}.group`),
    reserved:
      reserved === null
        ? null
        : list(reserved, `${at}.reserved`).map((one, i) => regionFromJson(one, `${at}.reserved[${i}]`)),
    aperture: aperture === null ? null : rangeFromJson(aperture, `${at}.aperture`),
    pageSizes: sizes,
    pasidBits: pasidBits(json["pasidBits"], `${at}.pasidBits`),
    dirtyTracking,
  };
}

function regionFromJson(value: unknown, at: string): ReservedRegion {
  const json = object(value, at);
  const type = REGION_TYPES.find((known) => known === json["type"]);
  if (type === undefined) throw new JsonError(`"${at}.type" is not one of ${REGION_TYPES.join(", ")}`);
  return { ...rangeFromJson(json["range"], `${at}.range`), type };
}

function limitsFromJson({ memlockBytes = null, mappingsMax = null }: Json): HostLimits {
  return {
    memlockBytes:
      memlockBytes === null || memlockBytes === "unlimited"
        ? memlockBytes
        : typeof memlockBytes === "number"
          ? BigInt(count(memlockBytes, "limits.memlockBytes") ?? 0)
          : u64FromJson(memlockBytes, "limits.memlockBytes"),
    mappingsMax: mappingsMax === "unlimited" ? mappingsMax : count(mappingsMax, "limits.mappingsMax"),
  };
}

/** PCI's PASIDs have 20 bits at most. */
function pasidBits(value: unknown, field: string): number | null {
  const bits = count(value, field);
  if (bits === null || bits <= 20) return bits;
  throw new JsonError(`"${field}" is more than 20`);
}

function object(value: unknown, field: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new JsonError(`${field} is not an object`);
}

function list(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new JsonError(`"${field}" is not a list`);
  if (value.length > DEVICES_MAX) throw new JsonError(`"${field}" has more than ${DEVICES_MAX} entries`);
  return value;
}

function count(value: unknown, field: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new JsonError(`"${field}" is not a count`);
}
