/** A type1 state that calls change, on a machine with two groups: for tests. */
import { type Iova, U64_MAX } from "../../address.ts";
import { UserMemory } from "../../profile/user-memory.ts";
import type { Type1Command } from "../commands.ts";
import { decideType1 } from "../decide.ts";
import type { GroupTraits, Type1Environment } from "../environment.ts";
import { applyType1 } from "../evolve.ts";
import type { Type1Outcome } from "../outcome.ts";
import { type Driver, Type1State } from "../state.ts";

/** The user buffer: 64 MiB at 2^44; and 1 MiB of device memory. */
export const VA = 0x1000_0000_0000n;
export const BAR = 0x7000_0000_0000n;
export const PAGE = 0x1000n;

const range = (first: bigint, last: bigint) => ({ first: first as Iova, last: last as Iova });
const MSI = range(0xfee0_0000n, 0xfeef_ffffn);

/** 64 bits, and a group whose IOMMU has 31 of them. */
export const WIDE: GroupTraits = {
  number: 2,
  aperture: range(0n, 2n ** 48n - 1n),
  reserved: [MSI],
  refusesWiderDomains: false,
  devices: ["0000:00:05.0"],
};
export const NARROW: GroupTraits = {
  number: 3,
  aperture: range(0n, 0x7fff_ffffn),
  reserved: [],
  refusesWiderDomains: true,
  devices: ["0000:00:06.0"],
};

export class Model {
  readonly state = new Type1State();
  environment: Type1Environment;

  constructor(change: Partial<Type1Environment> = {}, groups: readonly GroupTraits[] = [WIDE, NARROW]) {
    this.environment = {
      iommu: { name: "test", aperture: range(0n, U64_MAX), pageSizes: 0x4020_1000n, enforcesCoherency: false },
      groups: new Map(groups.map((group) => [group.number, group])),
      memory: UserMemory.of(VA, 0x400_0000n),
      deviceMemory: UserMemory.of(BAR, 0x10_0000n),
      memlockBytes: null,
      canLockMemory: true,
      entriesMax: 65_535,
      ...change,
    };
  }

  /** What the call would come to; nothing changes. */
  ask(command: Type1Command): Type1Outcome<unknown> {
    return decideType1(this.state, command, this.environment);
  }

  /** Decides and folds. */
  run(command: Type1Command): Type1Outcome<unknown> {
    const outcome = this.ask(command);
    for (const event of outcome.events) applyType1(this.state, event);
    return outcome;
  }

  /** Container 0 with group 0 (number 2) inside and the driver of this type. */
  static ready(iommuType = 3, change: Partial<Type1Environment> = {}, groups?: readonly GroupTraits[]): Model {
    const model = new Model(change, groups);
    model.run({ command: "OpenContainer" });
    model.run({ command: "OpenGroup", group: 2 });
    model.join(0);
    model.run({ command: "SetIommu", container: 0, iommuType });
    return model;
  }

  join(group: number): Type1Outcome<unknown> {
    return this.run({ command: "SetContainer", group, file: { kind: "container", handle: 0 } });
  }

  map(iova: bigint, size = PAGE, userVa = VA, flags = 3): Type1Outcome<unknown> {
    return this.run({ command: "MapDma", container: 0, flags, userVa, iova, size });
  }

  unmap(iova: bigint, size: bigint, flags = 0): Type1Outcome<unknown> {
    return this.run({ command: "UnmapDma", container: 0, flags, iova, size, bitmap: null });
  }

  get driver(): Driver {
    const driver = this.state.containers[0]?.driver;
    if (driver === null || driver === undefined) throw new Error("the container has no driver");
    return driver;
  }
}
