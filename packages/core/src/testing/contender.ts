/** One way to ask the models of all profiles: a space with a device in it, maps and unmaps by page. For tests. */
import { assert } from "../assert.ts";
import { type CompatCommand, decideCompat } from "../compat/decide.ts";
import { Model as Iommufd, VA } from "../decide/testing/model.ts";
import type { Errno } from "../errno.ts";
import type { Environment } from "../profile/environment.ts";
import { TestHost as Spapr } from "../spapr/testing/host.ts";
import { translate } from "../spapr/translate.ts";
import { Model as Type1 } from "../type1/testing/model.ts";
import type { Implementation } from "../virtio-iommu/environment.ts";
import { Model as VirtioIommu } from "../virtio-iommu/testing/model.ts";

export const PAGE = 0x1000n;

export interface ContenderOptions {
  /** No page may be charged: RLIMIT_MEMLOCK 0, no CAP_IPC_LOCK. */
  readonly cannotLock?: boolean;
  /** dma_entry_limit, where there is one. */
  readonly mappingsMax?: number;
}

/** Addresses and lengths in bytes; answers are `success`, an errno, or `returns N` for a positive return. */
export interface Contender {
  map(iova: bigint, length: bigint, offset?: bigint): string;
  unmap(iova: bigint, length: bigint): string;
  /** The profile's own call for all there is; null: it has none. */
  unmapAll: (() => string) | null;
  /** A map without an IOVA; null: the profile has no such call. */
  mapAnywhere: (() => string) | null;
  isMapped(iova: bigint): boolean;
  /** A second device whose own ranges conflict with what is mapped; null: no such thing. */
  attachNarrow: (() => string) | null;
  /** The only device leaves; whether its mappings are there afterwards. */
  detach(): boolean;
  /** Where the device's IOMMU, or its window, does not translate. */
  readonly outside: bigint;
  /** First IOVA that anything may be mapped at. */
  readonly base: bigint;
}

interface Told {
  readonly errno: Errno | null;
  readonly returned?: number;
  readonly status?: string | null;
}

function told({ errno, returned, status }: Told): string {
  if (status !== undefined) return status === "OK" ? "success" : (status ?? "unanswered");
  if (errno !== null) return errno;
  return (returned ?? 0) === 0 ? "success" : `returns ${returned}`;
}

export function iommufd(kernel: string, { cannotLock }: ContenderOptions): Contender {
  const limit = cannotLock === true ? { memlockBytes: 0n, canLockMemory: false } : {};
  const model = new Iommufd(limit, kernel);
  const ioas = model.alloc();
  model.attach(ioas);
  const base = 0x100_0000n;
  return {
    base,
    outside: 0x8000_0000n,
    map: (iova, length, offset = 0n) => told(model.map(ioas, iova, length, VA + offset)),
    unmap: (iova, length) => told(model.unmap(ioas, iova, length)),
    unmapAll: () => told(model.unmap(ioas, 0n, 2n ** 64n - 1n)),
    mapAnywhere: () => told(model.map(ioas, 0n, PAGE, VA, 6)),
    isMapped: (iova) => model.state.space(0).areas.at(iova) !== null,
    attachNarrow: () => {
      const other = new Iommufd({}, kernel);
      const second = other.alloc();
      other.map(second, 0n, PAGE);
      return told(other.attach(second));
    },
    detach: () => leave(model),
  };
}

/** `iommufd-vfio-compat`: the container's calls, of the ioas that a group made when it joined. */
export function compat(iommuType: number, { cannotLock }: ContenderOptions): Contender {
  const limit = cannotLock === true ? { memlockBytes: 0n, canLockMemory: false } : {};
  const model = container(iommuType, limit);
  model.attach(1);
  const map = (made: Iommufd, iova: bigint, size: bigint, offset: bigint) =>
    call(made, { command: "MapDma", container: 0, flags: 3, userVa: VA + offset, iova, size });
  const unmap = (iova: bigint, size: bigint, flags: number) =>
    call(model, { command: "UnmapDma", container: 0, flags, iova, size, bitmap: null });
  return {
    base: 0x100_0000n,
    outside: 0x8000_0000n,
    map: (iova, length, offset = 0n) => map(model, iova, length, offset),
    unmap: (iova, length) => unmap(iova, length, 0),
    unmapAll: () => unmap(0n, 0n, 2),
    mapAnywhere: null,
    isMapped: (iova) => model.state.space(0).areas.at(iova) !== null,
    attachNarrow: () => {
      const other = container(iommuType, {});
      map(other, 0n, PAGE, 0n);
      return told(other.attach(1));
    },
    detach: () => leave(model),
  };
}

function container(iommuType: number, limit: Partial<Environment>): Iommufd {
  const model = new Iommufd(limit);
  call(model, { command: "SetContainer", group: 0, file: { kind: "container", handle: 0 } });
  call(model, { command: "SetIommu", container: 0, iommuType });
  return model;
}

function call(model: Iommufd, command: CompatCommand): string {
  const outcome = decideCompat(model.state, command, model.profile, model.environment);
  model.fold(outcome.events);
  return told(outcome);
}

/** The self-test's device lets go. Whether mappings are there afterwards. */
function leave(model: Iommufd): boolean {
  const [device] = model.state.devices.values();
  model.run({ command: "DestroyObject", id: device?.objectId ?? 0 });
  assert(model.state.attachments.size === 0, "the device has left");
  return model.state.space(0).areas.size > 0;
}

export function type1(iommuType: number, { cannotLock, mappingsMax }: ContenderOptions): Contender {
  const model = Type1.ready(iommuType, {
    ...(cannotLock === true ? { memlockBytes: 0n, canLockMemory: false } : {}),
    ...(mappingsMax === undefined ? {} : { entriesMax: mappingsMax }),
  });
  return {
    base: 0x100_0000n,
    outside: 0xfee0_0000n,
    map: (iova, length, offset = 0n) => told(model.map(iova, length, VA + offset)),
    unmap: (iova, length) => told(model.unmap(iova, length)),
    unmapAll: () => told(model.unmap(0n, 0n, 2)),
    mapAnywhere: null,
    isMapped: (iova) => model.driver.mappings.at(iova) !== null,
    attachNarrow: () => {
      model.map(0x8000_0000n);
      model.run({ command: "OpenGroup", group: 3 });
      return told(model.join(1));
    },
    detach: () => {
      model.run({ command: "UnsetContainer", group: 0 });
      return model.state.containers[0]?.driver !== null;
    },
  };
}

export function spapr(machine: "pseries" | "powernv", version: 1 | 2, { cannotLock }: ContenderOptions): Contender {
  const host = new Spapr({ machine, version });
  if (cannotLock === true) host.environment = { ...host.environment, memlockBytes: 0n, canLockMemory: false };
  const start = () => (version === 2 ? host.register(0n, 0x20_0000n) : host.call({ command: "Enable", container: 0 }));
  const started = told(start());
  host.call({ command: "OpenDevice", group: 0 });
  return {
    base: 0x100_0000n,
    outside: 1n << 40n,
    map: (iova, length, offset = 0n) => (started === "success" ? told(host.map(iova, offset, length)) : started),
    unmap: (iova, length) => told(host.unmap(iova, length)),
    unmapAll: null,
    mapAnywhere: null,
    isMapped: (iova) => translate(host.state, 0, iova) !== null,
    attachNarrow: null,
    detach: () => {
      host.call({ command: "CloseDevice", device: 0 });
      host.call({ command: "UnsetContainer", group: 0 });
      return (host.state.containers[0]?.driver ?? null) !== null;
    },
  };
}

export function virtioIommu(implementation: Implementation): Contender {
  const model = new VirtioIommu({ implementation });
  model.attach(1, 24);
  const lastOf = (iova: bigint, length: bigint) => iova + length - 1n;
  return {
    base: 0x100_0000n,
    outside: 0xfee0_0000n,
    map: (iova, length, offset = 0n) => told(model.map(1, iova, lastOf(iova, length), offset)),
    unmap: (iova, length) => told(model.unmap(1, iova, lastOf(iova, length))),
    unmapAll: null,
    mapAnywhere: null,
    isMapped: (iova) => (model.state.spaceOfKernelId(1)?.areas.at(iova) ?? null) !== null,
    attachNarrow: () => {
      model.map(1, 0x80_0000_0000n, 0x80_0000_0fffn);
      return told(model.attach(1, 40));
    },
    detach: () => {
      model.detach(1, 24);
      return model.state.spaceOfKernelId(1) !== null;
    },
  };
}
