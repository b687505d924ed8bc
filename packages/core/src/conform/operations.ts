/** The operations of the recordings of /dev/iommu (and of VFIO's cdev beside it). */
import * as access from "./access-operations.ts";
import * as device from "./device-operations.ts";
import * as environment from "./environment-operations.ts";
import * as file from "./file-operations.ts";
import type { Checked } from "./operation.ts";
import * as table from "./page-table-operations.ts";
import { countHandle, outOf } from "./recorded.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";
import * as space from "./space-operations.ts";
import * as vfio from "./vfio-operations.ts";

/** Nobody can decide these from the calls, and they change nothing that later calls meet. */
export const IGNORED: ReadonlySet<string> = new Set([
  // Bytes in memory, and a device that moves them.
  "fill",
  "peek",
  "edu_dma",
  "vfio_enable",
  // How often pages are pinned: whole huge pages are not looked at.
  "check_refs",
  // A limit of the driver's own memory, raw numbers, files of the machine.
  "mem_limit",
  "raw_ioctl",
  "read_file",
]);

/** The model answers these. An operation in neither list is a disagreement. */
export const CHECKED: ReadonlyMap<string, Checked> = new Map<string, Checked>([
  ["ioas_alloc", space.ioasAlloc],
  ["destroy", device.destroy],
  ["iova_ranges", space.iovaRanges],
  ["allow_iovas", space.allowIovas],
  ["map", space.map],
  ["copy", space.copy],
  ["unmap", space.unmap],
  ["option", space.option],
  ["add_reserved", space.addReserved],
  ["map_file", file.mapFile],
  ["change_process", file.changeProcess],
  ["vfio_ioas", file.vfioIoas],
  ["mock_domain", device.mockDomain],
  ["mock_replace", device.mockReplace],
  ["hwpt_alloc", table.hwptAlloc],
  ["set_dirty", table.setDirty],
  ["get_dirty", table.getDirty],
  ["hw_info", table.hwInfo],
  ["check_map", table.checkMap],
  ["mock_dirty", table.mockDirty],
  ["create_access", access.createAccess],
  ["access_replace_ioas", access.replaceAccess],
  ["close_access", access.closeAccess],
  ["access_pages", access.accessPages],
  ["access_pages_destroy", access.destroyAccessPages],
  ["access_rw", access.accessMemory],
  ["vfio_open", vfio.open],
  ["vfio_bind", vfio.bind],
  ["vfio_attach", vfio.attach],
  ["vfio_detach", vfio.detach],
  ["vfio_close", vfio.close],
  ["munmap", environment.munmap],
  ["mprotect", environment.mprotect],
  ["rlimit_memlock", environment.rlimitMemlock],
  ["drop_caps", environment.dropCapabilities],
  ["memfd", environment.memfd],
]);

type Remember = (step: Step, replay: Replay) => void;

/** What the recording tells beside the events of a call that succeeded, whether the model agreed or not. */
export const REMEMBERED: ReadonlyMap<string, Remember> = new Map<string, Remember>([
  [
    "mock_domain",
    (step, replay) => {
      device.rememberMockDevice(step, replay);
      table.rememberTable(step, replay, outOf(step).text("dev"));
    },
  ],
  [
    "mock_replace",
    (step, replay) => table.rememberTable(step, replay, table.deviceOf(replay, step.in.number("dev_id"))),
  ],
  [
    "hwpt_alloc",
    (step, replay) => table.rememberTable(step, replay, table.deviceOf(replay, step.in.number("idev_id"))),
  ],
  ["vfio_attach", (step, replay) => table.rememberTable(step, replay, step.in.text("vdev"))],
  ["create_access", (step, replay) => countHandle(step, replay, "access")],
  ["vfio_open", vfio.rememberOpen],
  ["vfio_bind", (step, replay) => countHandle(step, replay, "videv")],
  ["memfd", environment.rememberFile],
]);
