/** Sizes as QEMU's options write them, and the units of memory maps. */
import { IoasisError } from "../failure.ts";

export const KIB = 1n << 10n;
export const MIB = 1n << 20n;
export const GIB = 1n << 30n;
export const TIB = 1n << 40n;

const UNITS: Readonly<Record<string, bigint>> = { b: 1n, k: KIB, m: MIB, g: GIB, t: TIB, p: 1n << 50n, e: 1n << 60n };

/** `4G`, `2816M`, `1.5G`, `0x10000000`; a number without a unit counts in `unit` (MiB for -m, else bytes). */
const SIZE = /^(0x[0-9a-f]{1,16}|\d{1,20}(?:\.\d{1,9})?)([bkmgtpe]?)(?:i?b)?$/i;

/**
 * qemu_strtosz (util/cutils.c).
 * @throws IoasisError ERR_USAGE for what is no size below 2^64
 */
export function sizeOf(text: string, option: string, unit: "b" | "m" = "b"): bigint {
  const match = SIZE.exec(text.trim());
  const [, number = "", suffix = ""] = match ?? [];
  const [whole = "", fraction = ""] = number.split(".");
  const scale = UNITS[(suffix || unit).toLowerCase()] ?? 1n;
  if (match !== null && !(number.startsWith("0x") && suffix !== "")) {
    const bytes =
      BigInt(whole) * scale + (fraction === "" ? 0n : (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length));
    if (bytes < 1n << 64n) return bytes;
  }
  throw new IoasisError("ERR_USAGE", `${option} "${text}": not a size below 2^64: write 8G, 2816M or 0x10000000`, {
    option,
  });
}

export function roundUp(value: bigint, unit: bigint): bigint {
  return ((value + unit - 1n) / unit) * unit;
}

/** `4 GiB`, `2816 MiB`, `0x1234 bytes`. */
export function sizeWords(bytes: bigint): string {
  for (const [unit, name] of [
    [TIB, "TiB"],
    [GIB, "GiB"],
    [MIB, "MiB"],
    [KIB, "KiB"],
  ] as const)
    if (bytes >= unit && bytes % unit === 0n) return `${bytes / unit} ${name}`;
  return `${bytes} bytes`;
}
