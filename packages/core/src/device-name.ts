/** Names of PCI devices, which some printers give with their domain (segment) and others without. */

const BDF = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/i;

/** `00:02.0` of `0x00:0x02.0`, which Linux 5.14 printed. */
export function plainDevice(printed: string): string {
  return printed.replace(/0x(?=[0-9a-f]{2}\b)/gi, "");
}

/** Whether `text` is a PCI address, with or without its domain. */
export function isPciAddress(text: string): boolean {
  return BDF.test(text);
}

/**
 * Whether two names mean one device: equal, or PCI addresses that differ only in that one lacks
 * its domain, which then counts as domain 0 (the DMAR printer names none on any machine).
 */
export function sameDevice(a: string, b: string): boolean {
  return a === b || canonical(a) === canonical(b);
}

function canonical(name: string): string {
  const match = BDF.exec(plainDevice(name));
  if (match === null) return name;
  return `${(match[1] ?? "0000").toLowerCase()}:${match[2]}:${match[3]}.${match[4]}`.toLowerCase();
}
