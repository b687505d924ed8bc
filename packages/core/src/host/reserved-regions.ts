/** `/sys/kernel/iommu_groups/N/reserved_regions` (iommu_group_show_resv_regions). */
import { type Iova, U64_MAX } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { REGION_TYPES, type ReservedRegion } from "./host-profile.ts";

const LINE = /^0x([0-9a-f]{1,16}) 0x([0-9a-f]{1,16}) ([a-z-]+)$/i;

/**
 * One range a line, both ends included; blank lines and `#` comments are passed over.
 * @throws IoasisError ERR_INPUT naming the line that is none
 */
export function parseReservedRegions(text: string, file: string): ReservedRegion[] {
  const result: ReservedRegion[] = [];
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const match = LINE.exec(line);
    const type = REGION_TYPES.find((known) => known === match?.[3]);
    const first = BigInt(`0x${match?.[1] ?? "0"}`);
    const last = BigInt(`0x${match?.[2] ?? "0"}`);
    if (match === null || type === undefined || first > last || last > U64_MAX)
      throw new IoasisError(
        "ERR_INPUT",
        `${file}: line ${i + 1} "${line.slice(0, 80)}": not "0xfirst 0xlast type" with a type of ${REGION_TYPES.join(", ")}: copy the file as the kernel prints it`,
        { file, line: i + 1 },
      );
    result.push({ first: first as Iova, last: last as Iova, type });
  }
  return result;
}
