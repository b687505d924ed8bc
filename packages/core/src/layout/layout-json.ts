/** A layout as JSON: what `layout --json` prints and `precheck --layout` reads. */
import { hex } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { overlaps } from "../range.ts";
import { JsonError, rangeFromJson, rangeToJson, u64FromJson } from "../value-json.ts";
import type { GuestLayout, LayoutRange, LayoutReserved, RangeKind, Viommu, ViommuKind } from "./layout.ts";
import { MACHINE_NAMES, type MachineName } from "./machine-type.ts";
import { DMA_WINDOW } from "./pseries-layout.ts";

const KINDS: readonly RangeKind[] = ["ram", "rom", "device-memory", "window"];
const VIOMMUS: readonly ViommuKind[] = ["intel", "virtio", "smmuv3", "amd"];
const RANGES_MAX = 100_000;

type Json = Readonly<Record<string, unknown>>;

export function layoutToJson(layout: GuestLayout): Json {
  return {
    machine: layout.machine,
    version: layout.version,
    memory: hex(layout.memoryBytes),
    maxmem: hex(layout.maxMemoryBytes),
    slots: layout.slots,
    ranges: layout.ranges.map(({ first, last, kind, name }) => ({ iova: hex(first), last: hex(last), kind, name })),
    reserved: layout.reserved.map(({ first, last, type, name }) => ({
      range: rangeToJson({ first, last }),
      type,
      name,
    })),
    viommu: viommuToJson(layout.viommu),
    devices: layout.devices,
    bars: layout.barBytes === null ? null : hex(layout.barBytes),
    notes: layout.notes,
  };
}

function viommuToJson(viommu: Viommu | null): Json | null {
  if (viommu === null) return null;
  const { kind, addressBits, granuleBytes } = viommu;
  return { kind, addressBits, granule: granuleBytes === null ? null : hex(granuleBytes) };
}

/**
 * Takes what `layoutToJson` gives, and less: machine, ranges and viommu are enough.
 * @throws IoasisError ERR_INPUT that says what is wrong where
 */
export function layoutFromJson(value: unknown): GuestLayout {
  try {
    return layoutOfJson(object(value, "the layout"));
  } catch (error) {
    if (error instanceof JsonError)
      throw new IoasisError("ERR_INPUT", `not a layout: ${error.message}: make one with ioasis layout --json`);
    throw error;
  }
}

function layoutOfJson(json: Json): GuestLayout {
  const ranges = list(json["ranges"], "ranges").map(rangeOfJson);
  checkDisjoint(ranges);
  const memory = (kind: RangeKind): bigint =>
    ranges.reduce((sum, { kind: of, first, last }) => (of === kind ? sum + last - first + 1n : sum), 0n);
  const ram = memory("ram");
  const notes = json["notes"] ?? [];
  return {
    machine: named<MachineName>(json["machine"], MACHINE_NAMES, "machine"),
    version: typeof json["version"] === "string" ? json["version"] : null,
    memoryBytes: optionalU64(json["memory"], "memory") ?? ram,
    maxMemoryBytes: optionalU64(json["maxmem"], "maxmem") ?? ram + memory("device-memory"),
    slots: optionalCount(json["slots"], "slots") ?? 0,
    ranges,
    reserved: list(json["reserved"] ?? [], "reserved").map(reservedOfJson),
    viommu: viommuOfJson(json["viommu"] ?? null),
    devices: optionalCount(json["devices"], "devices"),
    barBytes: optionalU64(json["bars"], "bars"),
    notes: Array.isArray(notes) ? notes.map(String) : [],
  };
}

function rangeOfJson(value: unknown, i: number): LayoutRange {
  const json = object(value, `ranges[${i}]`);
  const range = rangeFromJson([json["iova"], json["last"]], `ranges[${i}]`);
  return {
    ...range,
    kind: named<RangeKind>(json["kind"], KINDS, `ranges[${i}].kind`),
    name: String(json["name"] ?? ""),
  };
}

function reservedOfJson(value: unknown, i: number): LayoutReserved {
  const json = object(value, `reserved[${i}]`);
  const range = rangeFromJson(json["range"], `reserved[${i}].range`);
  const type = named<LayoutReserved["type"]>(json["type"], ["reserved", "msi"], `reserved[${i}].type`);
  return { ...range, type, name: String(json["name"] ?? "") };
}

function viommuOfJson(value: unknown): Viommu | null {
  if (value === null) return null;
  const json = object(value, "viommu");
  return {
    kind: named<ViommuKind>(json["kind"], VIOMMUS, "viommu.kind"),
    addressBits: optionalCount(json["addressBits"], "viommu.addressBits"),
    granuleBytes: optionalU64(json["granule"], "viommu.granule"),
  };
}

/** Bus addresses and guest-physical ones are two spaces; in each, what overlaps contradicts itself. */
function checkDisjoint(ranges: readonly LayoutRange[]): void {
  for (const isBus of [true, false]) {
    const sorted = ranges
      .filter(({ name }) => name.startsWith(DMA_WINDOW) === isBus)
      .sort((a, b) => (a.first < b.first ? -1 : 1));
    for (const [i, range] of sorted.entries()) {
      const next = sorted[i + 1];
      if (next !== undefined && overlaps(range, next))
        throw new JsonError(`ranges "${range.name}" and "${next.name}" overlap at ${hex(next.first)}`);
    }
  }
}

function object(value: unknown, field: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new JsonError(`${field} is not an object`);
}

function list(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new JsonError(`"${field}" is not a list`);
  if (value.length > RANGES_MAX) throw new JsonError(`"${field}" has more than ${RANGES_MAX} entries`);
  return value;
}

function named<Name extends string>(value: unknown, names: readonly Name[], field: string): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new JsonError(`"${field}" is not one of ${names.join(", ")}`);
}

function optionalU64(value: unknown, field: string): bigint | null {
  return value === undefined || value === null ? null : u64FromJson(value, field);
}

function optionalCount(value: unknown, field: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new JsonError(`"${field}" is not a count`);
}
