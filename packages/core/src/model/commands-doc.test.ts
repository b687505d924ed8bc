/** docs/commands.md has each profile's commands with their fields, as the tables here have them. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { CommandTable } from "./command-fields.ts";
import { COMPAT_COMMANDS } from "./compat-commands.ts";
import { IOMMUFD_COMMANDS } from "./iommufd-commands.ts";
import { SPAPR_COMMANDS } from "./spapr-commands.ts";
import { TYPE1_COMMANDS } from "./type1-commands.ts";
import { VIRTIO_IOMMU_COMMANDS } from "./virtio-commands.ts";

const TEXT = readFileSync(path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "docs/commands.md"), "utf8");
/** Said once above its table, for all calls. */
const FRAME: readonly string[] = ["size", "hasNonZeroTail", "reserved"];
const ON_CONTAINER: readonly string[] = ["isOtherProcess"];

const test = suite("docs/commands.md");

function rowsOf(table: CommandTable, common: readonly string[]): string[] {
  return Object.entries(table).map(([name, fields]) => {
    const own = Object.entries(fields).filter(([field]) => !common.includes(field));
    const words = own.map(([field, { fallback }]) => (fallback === undefined ? field : `[${field}]`)).join(", ");
    return `| ${name} | ${words === "" ? "" : `${words} `}|`;
  });
}

const SECTIONS: readonly (readonly [string, CommandTable, readonly string[]])[] = [
  ["### iommufd\n", IOMMUFD_COMMANDS, FRAME],
  ["### vfio-type1v2, vfio-type1\n", TYPE1_COMMANDS, []],
  ["### iommufd-vfio-compat\n", COMPAT_COMMANDS, []],
  ["### virtio-iommu\n", VIRTIO_IOMMU_COMMANDS, ["requestBytes"]],
  ["### spapr-tce-v2, spapr-tce\n", SPAPR_COMMANDS, ON_CONTAINER],
];
for (const [heading, table, common] of SECTIONS)
  test(heading.trim(), () => {
    const section = TEXT.split(heading)[1]?.split("\n#")[0] ?? "";
    const rows = section.split("\n").filter((line) => /^\| [A-Z]/.test(line));
    assert.equal(rows, rowsOf(table, common));
  });

test.run();
