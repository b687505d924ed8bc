/** What a QEMU command line says of firmware and VGA, which hide RAM below 1 MiB and take room below 4 GiB. */
import { switchOf } from "./command-line.ts";
import type { QemuOptions } from "./qemu-options.ts";
import { KIB } from "./size.ts";

/** Adapters with the legacy window (default_list, vga_interfaces in system/vl.c); bochs-display has none. */
const VGA_DRIVER =
  /^(VGA|isa-vga|cirrus-vga|isa-cirrus-vga|vmware-svga|qxl-vga|virtio-vga(-gl|-rutabaga)?|vhost-user-vga|ati-vga)$/;
const VGA_TYPES = ["std", "cirrus", "vmware", "qxl", "virtio"];
/** SeaBIOS as QEMU ships it. */
const KNOWN_FIRMWARE: Readonly<Record<string, bigint>> = { "bios-256k.bin": 256n * KIB, "bios.bin": 128n * KIB };

export function hasVga({ vga, drivers, hasDefaults }: QemuOptions): boolean {
  const isThere = drivers.some(
    (one) => VGA_DRIVER.test(one.get("driver") ?? "") || switchOf(one.get("x-vga")) === true,
  );
  if (isThere) return true;
  return vga === null ? hasDefaults : VGA_TYPES.includes(vga);
}

/** Bytes of the firmware's ROM; null: flash, or a file whose size is not told; undefined: the default. */
export function firmwareOf({ bios, hasPflash, drives }: QemuOptions): bigint | null | undefined {
  if (hasPflash || drives.some((one) => one.get("if") === "pflash")) return null;
  if (bios === null) return undefined;
  return KNOWN_FIRMWARE[bios.split("/").at(-1) as string] ?? null;
}
