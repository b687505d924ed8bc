/** What a call did by its recording where the model decided otherwise: the replay goes on from there. */
import { iova as iovaOf } from "../address.ts";
import type { Type1Event } from "../type1/events.ts";
import { type Container, EMPTY_LAYOUT } from "../type1/state.ts";
import { type Type1Profile, type1Profile } from "../type1/type1-profile.ts";
import type { Fields } from "./fields.ts";
import { fileHandle, type Type1Replay, userVaOf } from "./type1-replay.ts";

type Follow = (given: Fields, replay: Type1Replay) => readonly Type1Event[];

const MAP_VADDR = 4;

const groupOpen: Follow = (given, replay) => [{ type: "GroupOpened", group: replay.groupOf(given) }];

const getDeviceFd: Follow = (given, { state }) => {
  const group = state.openGroup(fileHandle(given, "group"));
  return group === null ? [] : [{ type: "DeviceOpened", group: group.handle }];
};

const setContainer: Follow = (given, { state }) => {
  const group = state.openGroup(fileHandle(given, "group"));
  const container = containerOf(given, state);
  if (group?.container !== null || container === null) return [];
  return [{ type: "GroupJoined", group: group.handle, container: container.handle }];
};

const unsetContainer: Follow = (given, { state }) => {
  const group = state.openGroup(fileHandle(given, "group"));
  const container = state.containers[group?.container ?? -1];
  if (group === null || container === undefined) return [];
  const left: Type1Event = { type: "GroupLeft", group: group.handle };
  const isLast = container.groups.length === 1 && container.driver !== null;
  return isLast ? [left, { type: "DriverReleased", container: container.handle }] : [left];
};

/** Which ranges such a container has cannot be known: none, which stands for all. */
const setIommu: Follow = (given, { state, environment }) => {
  const container = containerOf(given, state);
  const profile: Type1Profile | null = type1Profile(given.number("type"));
  if (container === null || container.driver !== null || profile === null) return [];
  const { entriesMax } = environment;
  return [{ type: "DriverSet", container: container.handle, profile, entriesMax, layout: EMPTY_LAYOUT }];
};

const mapDma: Follow = (given, { state }) => {
  const container = containerOf(given, state);
  const driver = container?.driver ?? null;
  if (container === null || driver === null) return [];
  const [first, size, flags] = [given.u64("iova"), given.u64("size"), given.number("flags")];
  const userVa = userVaOf(given);
  const range = { first: iovaOf(first), last: iovaOf(BigInt.asUintN(64, first + size - 1n)) };
  if ((flags & MAP_VADDR) !== 0) {
    const known = driver.mappings.at(first);
    return known === null ? [] : [{ type: "VaddrUpdated", container: container.handle, iova: known.iova, userVa }];
  }
  if (range.last < first || (!driver.isMisled && driver.mappings.overlaps(first, range.last))) return [];
  return [
    { type: "DmaMapped", container: container.handle, range, flags: flags & 3, userVa, lockedPages: size >> 12n },
  ];
};

/** Mappings that lie wholly inside the range. */
const unmapDma: Follow = (given, { state }) => {
  const container = containerOf(given, state);
  const [first, size] = [given.u64("iova"), given.u64("size")];
  if (container?.driver == null || size === 0n) return [];
  const last = first + size - 1n;
  const inside = [...container.driver.mappings.in(first, last)].filter((at) => at.iova >= first && at.last <= last);
  return [{ type: "DmaUnmapped", container: container.handle, iovas: inside.map((at) => at.iova) }];
};

export const TYPE1_FOLLOWING: ReadonlyMap<string, Follow> = new Map([
  ["group_open", groupOpen],
  ["get_device_fd", getDeviceFd],
  ["set_container", setContainer],
  ["unset_container", unsetContainer],
  ["set_iommu", setIommu],
  ["map_dma", mapDma],
  ["unmap_dma", unmapDma],
]);

function containerOf(given: Fields, state: Type1Replay["state"]): Container | null {
  const handle = given.textOrNull("cont")?.startsWith("cont") === true ? fileHandle(given, "cont") : null;
  return state.openContainer(handle);
}
