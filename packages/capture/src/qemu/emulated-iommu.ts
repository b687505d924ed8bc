/**
 * QEMU's emulated IOMMUs other than virtio's (hw/i386/intel_iommu.c, amd_iommu.c, hw/arm/smmuv3.c,
 * hw/riscv/riscv-iommu.c).
 *
 * VT-d logs `page_walk_one` when a walk of the guest's tables finds that a mapping came (perm not 0)
 * or went (perm 0): the guest's own view of a domain. The others log only their faults.
 */
import { iova as asIova, byteLength, type ObservedEvent, protOf } from "@ioasis/core";
import type { GuestTranslation } from "./guest-translation.ts";
import type { EventFamily, Handler } from "./handler.ts";
import { LiveRanges } from "./live-ranges.ts";
import type { TraceLine } from "./trace-line.ts";

const CONTEXT = "vtd";
const DOMAINS_MAX = 65_536;
/** IOMMU_RO and IOMMU_WO of include/exec/memory.h. */
const PERM_READ = 1;
const PERM_WRITE = 2;

export class EmulatedIommus implements EventFamily {
  readonly handlers: Readonly<Record<string, Handler>> = {
    vtd_page_walk_one: (line) => this.#walkOne(line),
    vtd_as_unmap_whole: (line) => this.#unmapWhole(line),
    vtd_dmar_fault: (line) => this.#vtdFault(line),
    amdvi_page_fault: (line) => amdviFault(line),
    smmuv3_record_event: (line) => smmuv3Fault(line),
    riscv_iommu_flt: (line) => riscvFault(line),
  };
  readonly #translation: GuestTranslation;
  readonly #domains = new Map<number, LiveRanges>();

  constructor(translation: GuestTranslation) {
    this.#translation = translation;
  }

  #walkOne(line: TraceLine): void {
    const domain = Number(line.hex("domain 0x"));
    const iova = line.hex("iova 0x");
    const gpa = line.hex("gpa 0x");
    const last = iova + line.hex("mask 0x");
    const perm = line.decimal("perm ");
    if (!line.isWhole()) return;
    if (last > 0xffff_ffff_ffff_ffffn) {
      line.problem("the mapping does not fit into 64 bits");
      return;
    }
    const range = { ioas: domain, iova: asIova(iova), last: asIova(last) };
    const live = this.#live(domain);
    if (perm === 0) {
      live.unmap(iova, last);
      line.fact(CONTEXT, "unknown", { type: "IovaUnmapped", ...range, bytes: byteLength(last - iova + 1n) });
      return;
    }
    const prot = protOf((perm & PERM_READ) !== 0, (perm & PERM_WRITE) !== 0);
    this.#translation.set(iova, gpa, prot);
    live.map(iova, last);
    line.fact(CONTEXT, "unknown", { type: "IovaMapped", ...range, prot, source: { kind: "gpa", gpa } });
  }

  /** All of a device's mappings go; the line does not say of which domain they were. */
  #unmapWhole(line: TraceLine): void {
    const device = line.word("Device ", " ");
    const iova = asIova(line.hex("start 0x"));
    const length = line.hex("size 0x");
    if (!line.isWhole()) return;
    const inUse = [...this.#domains].filter(([, live]) => live.size > 0);
    const only = inUse.length === 1 ? inUse[0] : undefined;
    if (only !== undefined) {
      const end = iova + length - 1n;
      const last = asIova(length === 0n || end > 0xffff_ffff_ffff_ffffn ? 0xffff_ffff_ffff_ffffn : end);
      const bytes = only[1].unmap(iova, last);
      if (bytes > 0n) line.fact(CONTEXT, "unknown", { type: "IovaUnmapped", ioas: only[0], iova, last, bytes });
    } else if (inUse.length > 1) {
      const what = `the mappings of device ${device}, whose domain is not told, went`;
      line.fact(CONTEXT, "unknown", { type: "EventsLost", count: null, what });
    }
  }

  #vtdFault(line: TraceLine): void {
    const device = deviceOfSid(Number(line.hex("sid 0x")));
    const reason = line.decimal("fault ");
    const iova = line.hex("addr 0x");
    const isWrite = line.decimal("write ") !== 0;
    const access = isWrite ? "write" : "read";
    fault(line, CONTEXT, { format: "qemu-vtd", device, iova: asIova(iova), access, reason: `fault reason ${reason}` });
  }

  #live(domain: number): LiveRanges {
    let live = this.#domains.get(domain);
    if (live === undefined) {
      if (this.#domains.size >= DOMAINS_MAX) this.#domains.clear();
      live = new LiveRanges(false);
      this.#domains.set(domain, live);
    }
    return live;
  }
}

function amdviFault(line: TraceLine): void {
  const iova = asIova(line.hex("address 0x"));
  fault(line, "amdvi", { format: "qemu-amdvi", device: null, iova, access: "unknown", reason: "page fault" });
}

function smmuv3Fault(line: TraceLine): void {
  const reason = line.word(" ", " ");
  const device = deviceOfSid(Number(line.hex("sid=0x")));
  fault(line, "smmuv3", { format: "qemu-smmuv3", device, iova: null, access: "unknown", reason });
}

function riscvFault(line: TraceLine): void {
  const device = line.word("fault ", " ");
  const reason = `reason ${line.hex("reason: 0x")}`;
  const iova = asIova(line.hex("iova: 0x"));
  fault(line, "riscv-iommu", { format: "qemu-riscv-iommu", device, iova, access: "unknown", reason });
}

type Fault = Omit<ObservedEvent & { type: "FaultReported" }, "type" | "pasid">;

function fault(line: TraceLine, context: string, told: Fault): void {
  if (line.isWhole()) line.fact(context, "unknown", { type: "FaultReported", pasid: null, ...told });
}

/** A PCI requester id: bus, device, function. */
function deviceOfSid(sid: number): string {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return `0000:${hex((sid >> 8) & 0xff)}:${hex((sid >> 3) & 0x1f)}.${sid & 7}`;
}
