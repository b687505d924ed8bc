import type { DeviceJson } from "@ioasis/history";
import { type Column, table } from "./table.ts";

const COLUMNS: readonly Column[] = [
  { head: "device" },
  { head: "pasid", right: true },
  { head: "space" },
  { head: "page table" },
];

export function deviceTable(devices: readonly DeviceJson[], indent: string, mark = ""): string {
  return table(
    COLUMNS,
    devices.map(({ device, pasid, ioas, hwpt }) => [
      device,
      pasid === null ? "" : String(pasid),
      ioas ?? "not told",
      hwpt ?? "",
    ]),
    indent,
    mark,
  );
}
