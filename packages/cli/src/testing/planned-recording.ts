/** Plans of recordings, applied to a fresh model of a destination: for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { spaceDigest } from "@ioasis/codec";
import {
  type AnyDestination,
  applyBatch,
  applyPlan,
  ContextState,
  Destination,
  type DeviceTraits,
  DriverModel,
  type Environment,
  type Hwpt,
  type ProfileName,
  planOf,
  type Range,
  Type1ContextDriver,
  type Type1Environment,
  type Type1GroupTraits,
  UserMemory,
  VfioDestination,
  VirtioDestination,
  type VirtioIommuEnvironment,
  WHOLE_SPACE,
} from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import * as assert from "uvu/assert";
import { program } from "../program.ts";

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const MEMORY = UserMemory.of(0n, 2n ** 64n - 1n);

/** Behind every group of the model: its reserved ranges are those of the recording. */
const IOMMU = { name: "recorded", aperture: WHOLE_SPACE, pageSizes: 0xffff_ffff_ffff_f000n, enforcesCoherency: false };
/** VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU */
const TYPE1_IOMMUS: Readonly<Partial<Record<ProfileName, number>>> = { "vfio-type1": 1, "vfio-type1v2": 3 };
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** A host as the recording shows it. */
function destinationOf(state: ContextState, profile: ProfileName): AnyDestination {
  if (profile === "iommufd") return iommufdHost(state);
  return profile === "virtio-iommu" ? virtioDevice(state) : type1Host(state, TYPE1_IOMMUS[profile] ?? 0);
}

/** A device that tells the endpoints of the recording what is reserved there. */
function virtioDevice(state: ContextState): VirtioDestination {
  const endpoints = new Map(
    [...state.attachments.values()].map(({ device }) => [
      Number(device.slice("endpoint ".length)),
      {
        reserved: regionsOf(state, device).map((range) => ({ ...range, type: "reserved" as const })),
        hostRanges: null,
      },
    ]),
  );
  const environment: VirtioIommuEnvironment = {
    implementation: "qemu",
    pageSizeMask: IOMMU.pageSizes,
    inputRange: WHOLE_SPACE,
    probeBytes: 512,
    bypass: true,
    reserved: [],
    endpoints,
  };
  return new VirtioDestination({ environment });
}

/** One group for each container. */
function type1Host(state: ContextState, iommuType: number): VfioDestination {
  const groups = new Map<number, Type1GroupTraits>();
  for (const { handle, reservations } of state.liveSpaces) {
    const devices = [...state.attachments.values()].filter(({ ioas }) => ioas === handle).map(({ device }) => device);
    const reserved = reservations.map(({ first, last }) => ({ first, last }));
    groups.set(handle, { number: handle, aperture: WHOLE_SPACE, reserved, refusesWiderDomains: false, devices });
  }
  const environment: Type1Environment = {
    iommu: IOMMU,
    groups,
    memory: MEMORY,
    deviceMemory: UserMemory.of(0n, 0n),
    memlockBytes: null,
    canLockMemory: true,
    entriesMax: NO_LIMIT,
  };
  const model = new DriverModel(new Type1ContextDriver(environment, iommuType));
  return new VfioDestination({ model, groupOf: (_, space) => space });
}

/** A host whose devices sit behind the IOMMUs that the recording shows. */
function iommufdHost(state: ContextState): Destination {
  const devices = new Map<string, DeviceTraits>();
  for (const { device, hwpt } of state.attachments.values())
    devices.set(device, traitsOf(state, device, hwpt === null ? undefined : state.hwpts[hwpt]));
  const tables = state.hwpts.filter((hwpt) => hwpt !== undefined);
  for (const hwpt of tables) devices.set(`for ${hwpt?.handle}`, traitsOf(state, "", hwpt));
  for (const device of state.devices.keys())
    if (!devices.has(device)) devices.set(device, traitsOf(state, device, tables[0]));
  const environment: Environment = {
    pageSize: 0x1000n,
    hugePageSize: 0x20_0000n,
    memory: MEMORY,
    memlockBytes: null,
    canLockMemory: true,
    lockedUpTo: 0,
    canSetLimits: true,
    devices,
    pins: new Map(),
    pinsMade: new Map(),
    copies: new Map(),
    files: new Map(),
    dirty: new Map(),
    deviceFiles: new Map(),
  };
  return new Destination({ environment, kernel: "7.3" });
}

function traitsOf(state: ContextState, device: string, table: Hwpt | undefined): DeviceTraits {
  return {
    pageSize: table?.pageSize ?? 1n,
    // Where a recording of calls tells an aperture, what is beyond it is not among its reservations.
    aperture: isLimited(state, table) ? (table?.aperture ?? WHOLE_SPACE) : WHOLE_SPACE,
    reserved: regionsOf(state, device),
    canTrackDirty: true,
    hwptFlags: 3,
    pagingDataType: null,
    nestedDataType: null,
    hwInfo: null,
    mapsLargePages: true,
  };
}

function isLimited(state: ContextState, table: Hwpt | undefined): boolean {
  return state.liveSpaces.some(({ reservations }) =>
    reservations.some(({ owner }) => owner === `hwpt:${table?.handle}`),
  );
}

function regionsOf(state: ContextState, device: string): Range[] {
  return state.liveSpaces.flatMap(({ reservations }) =>
    reservations.filter(({ owner }) => owner === `device:${device}`).map(({ first, last }) => ({ first, last })),
  );
}

export interface Shown {
  /** Versions whose plan was applied. */
  readonly versions: number;
  readonly digests: number;
}

/**
 * Imports a recording and applies the plan of every `step`th version of its contexts: each must be taken, and
 * have the digest of its source.
 */
export async function showPlans(file: string, profiles: readonly ProfileName[], step: number): Promise<Shown> {
  const folder = mkdtempSync(path.join(tmpdir(), "ioasis-plan-"));
  try {
    await importFile(file, folder);
    const journal = await openSegmentJournal(folder, { host: "test", createdBy: "test", readOnly: true });
    const digests = new Set<string>();
    let versions = 0;
    for (const { name, profile } of journal.contexts()) {
      assert.ok(profiles.includes(profile), profile);
      const state = new ContextState();
      for (const batch of journal.batches(name))
        for (let row = 0; row < batch.length; row++) {
          applyBatch(state, batch, row, row + 1);
          if (state.version % step !== 0) continue;
          digests.add(rebuilt(state, profile, `${name}, version ${state.version}`));
          versions++;
        }
    }
    await journal.close();
    return { versions, digests: digests.size };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function importFile(file: string, db: string): Promise<void> {
  let err = "";
  const status = await program(["import", path.join(ROOT, file), "--context", "vm", "--db", db], {
    out: () => undefined,
    err: (text) => {
      err += text;
    },
    env: { HOME: db },
    microseconds: () => 0n,
    async *input() {},
    isTerminal: false,
    signal: new AbortController().signal,
  });
  assert.is(status, 0, err);
}

function rebuilt(state: ContextState, profile: ProfileName, name: string): string {
  const there = destinationOf(state, profile);
  const { refusal } = applyPlan(planOf(state, { profile }), there);
  assert.is(refusal, null, `${name}: ${JSON.stringify(refusal)}`);
  const digest = spaceDigest(there.state);
  assert.is(digest, toldDigest(state), name);
  return digest;
}

/** Without the attachments of which the recording does not tell the container: no plan has them. */
function toldDigest(state: ContextState): string {
  const untold = [...state.attachments].filter(([, { ioas }]) => ioas === null);
  for (const [key] of untold) state.attachments.delete(key);
  const digest = spaceDigest(state);
  for (const [key, attachment] of untold) state.attachments.set(key, attachment);
  return digest;
}
