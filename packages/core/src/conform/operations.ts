/** The operations of the recordings of /dev/iommu (and of VFIO's cdev beside it). */
import * as device from "./device-operations.ts";
import * as environment from "./environment-operations.ts";
import type { Checked, Follow } from "./operation.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";
import * as space from "./space-operations.ts";

/** The model answers these. */
export const CHECKED: ReadonlyMap<string, Checked> = new Map([
  ["ioas_alloc", space.ioasAlloc],
  ["destroy", device.destroy],
  ["iova_ranges", space.iovaRanges],
  ["allow_iovas", space.allowIovas],
  ["map", space.map],
  ["copy", space.copy],
  ["unmap", space.unmap],
  ["option", space.option],
  ["add_reserved", space.addReserved],
  ["mock_domain", device.mockDomain],
  ["mock_replace", device.mockReplace],
]);

/** These are taken as recorded; every operation in neither list changes nothing that the model knows of. */
export const FOLLOWED: ReadonlyMap<string, Follow> = new Map([
  ["hwpt_alloc", device.hwptAlloc],
  ["set_dirty", device.setDirty],
  ["vfio_bind", device.vfioBind],
  ["vfio_attach", device.vfioAttach],
  ["vfio_detach", device.vfioDetach],
  ["vfio_close", device.vfioClose],
  ["create_access", environment.createAccess],
  ["access_replace_ioas", environment.replaceAccess],
  ["close_access", environment.closeAccess],
  ["access_pages", environment.accessPages],
  ["access_pages_destroy", environment.destroyAccessPages],
  ["map_file", environment.mapFile],
  ["munmap", environment.munmap],
  ["mprotect", environment.mprotect],
  ["rlimit_memlock", environment.rlimitMemlock],
  ["drop_caps", environment.dropCapabilities],
]);

/** What the recording tells beside the events of a call that succeeded. */
export const REMEMBERED: ReadonlyMap<string, (step: Step, replay: Replay) => void> = new Map([
  ["mock_domain", device.rememberMockDevice],
]);
