/** `-m SIZE,slots=N,maxmem=SIZE` as every machine takes it. */
import { IoasisError } from "../failure.ts";
import type { LayoutOptions } from "./layout.ts";
import { sizeWords } from "./size.ts";

/** ACPI_MAX_RAM_SLOTS. */
const SLOTS_MAX = 256;
/** No machine has more, and no address computed from it leaves 64 bits. */
const MEMORY_BYTES_MAX = 1n << 56n;

export interface Memory {
  readonly memoryBytes: bigint;
  readonly maxMemoryBytes: bigint;
  readonly slots: number;
}

/**
 * machine_set_mem, machine_class_init's checks (hw/core/machine.c).
 * @throws IoasisError ERR_USAGE for sizes that no machine starts with
 */
export function memoryOf({ memoryBytes, maxMemoryBytes, slots = 0 }: LayoutOptions): Memory {
  if (memoryBytes <= 0n) throw new IoasisError("ERR_USAGE", "no memory: say how much (--memory 4G)");
  const max = maxMemoryBytes ?? memoryBytes;
  for (const size of [memoryBytes, max])
    if (size > MEMORY_BYTES_MAX)
      throw new IoasisError(
        "ERR_USAGE",
        `memory of ${sizeWords(size)}: more than the ${sizeWords(MEMORY_BYTES_MAX)} that any machine has`,
      );
  if (max < memoryBytes)
    throw new IoasisError(
      "ERR_USAGE",
      `maxmem ${sizeWords(max)} is less than the memory of ${sizeWords(memoryBytes)}: raise it or leave it out`,
    );
  if (!Number.isInteger(slots) || slots < 0 || slots > SLOTS_MAX)
    throw new IoasisError("ERR_USAGE", `${slots} memory slots: a machine has 0 to ${SLOTS_MAX}`);
  if (slots > 0 && max === memoryBytes)
    throw new IoasisError(
      "ERR_USAGE",
      `${slots} memory slots without room for them: give a maxmem above ${sizeWords(memoryBytes)}`,
    );
  return { memoryBytes, maxMemoryBytes: max, slots };
}
