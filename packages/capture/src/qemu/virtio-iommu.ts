/**
 * QEMU's virtio-iommu device (hw/virtio/virtio-iommu.c): the guest's own address spaces.
 *
 * A domain is a space. `map` is logged when it has been accepted; `unmap` when it is asked for, and
 * behind it one `unmap_done` for each mapping that it took: together they are one event. The first
 * attach to a domain does not prove that the domain is new.
 */
import { iova as asIova, byteLength, type Iova, protOf } from "@ioasis/core";
import type { GuestTranslation } from "./guest-translation.ts";
import type { EventFamily, Handler } from "./handler.ts";
import type { Origin, TraceLine } from "./trace-line.ts";

const CONTEXT = "virtio-iommu";
const PROFILE = "virtio-iommu";
const ENDPOINTS_MAX = 65_536;
const FLAG_READ = 1;
const FLAG_WRITE = 2;
/** VIRTIO_IOMMU_FAULT_F_ADDRESS: the address is meant. */
const FAULT_ADDRESS = 0x100;
const FAULT_REASONS = ["unknown", "no domain", "no mapping"];

interface Unmap {
  readonly domain: number;
  readonly iova: Iova;
  readonly last: Iova;
  readonly origin: Origin;
  bytes: bigint;
  line: number;
}

export class VirtioIommu implements EventFamily {
  readonly handlers: Readonly<Record<string, Handler>> = {
    virtio_iommu_map: (line) => this.#map(line),
    virtio_iommu_unmap: (line) => this.#unmap(line),
    virtio_iommu_unmap_done: (line) => this.#unmapDone(line),
    virtio_iommu_attach: (line) => this.#attach(line),
    virtio_iommu_detach: (line) => this.#detach(line),
    virtio_iommu_detach_endpoint_from_domain: (line) => this.#detach(line),
    virtio_iommu_put_domain: (line) => this.#putDomain(line),
    virtio_iommu_report_fault: (line) => this.#fault(line),
    virtio_iommu_notify_map: (line) => this.#notifyMap(line),
  };
  #unmapping: Unmap | null = null;
  /** Endpoints that were detached: newer releases log a detach twice. */
  readonly #detached = new Set<number>();
  readonly #translation: GuestTranslation;

  constructor(translation: GuestTranslation) {
    this.#translation = translation;
  }

  #map(line: TraceLine): void {
    const domain = line.decimal("domain=");
    const iova = line.hex("virt_start=0x");
    const last = line.hex("virt_end=0x");
    const gpa = line.hex("phys_start=0x");
    const flags = line.decimal("flags=");
    if (!isRange(line, iova, last)) return;
    this.settle(line);
    const prot = protOf((flags & FLAG_READ) !== 0, (flags & FLAG_WRITE) !== 0);
    const source = { kind: "gpa", gpa } as const;
    line.fact(CONTEXT, PROFILE, {
      type: "IovaMapped",
      ioas: domain,
      iova: asIova(iova),
      last: asIova(last),
      prot,
      source,
    });
  }

  #unmap(line: TraceLine): void {
    const domain = line.decimal("domain=");
    const iova = line.hex("virt_start=0x");
    const last = line.hex("virt_end=0x");
    if (!isRange(line, iova, last)) return;
    this.settle(line);
    const origin = line.origin();
    this.#unmapping = { domain, iova: asIova(iova), last: asIova(last), origin, bytes: 0n, line: line.number };
  }

  #unmapDone(line: TraceLine): void {
    const domain = line.decimal("domain=");
    const iova = line.hex("virt_start=0x");
    const last = line.hex("virt_end=0x");
    if (!isRange(line, iova, last)) return;
    const unmap = this.#unmapping;
    if (unmap === null || unmap.domain !== domain || iova < unmap.iova || last > unmap.last) {
      // The recording began between the two lines.
      this.settle(line);
      const bytes = byteLength(last - iova + 1n);
      line.fact(CONTEXT, PROFILE, {
        type: "IovaUnmapped",
        ioas: domain,
        iova: asIova(iova),
        last: asIova(last),
        bytes,
      });
      return;
    }
    unmap.bytes += last - iova + 1n;
    unmap.line = line.number;
    if (unmap.bytes > unmap.last - unmap.iova) this.settle(line);
  }

  /** No more of the unmap will come. */
  settle(line: TraceLine): void {
    const unmap = this.#unmapping;
    if (unmap === null) return;
    this.#unmapping = null;
    const { domain, iova, last, origin } = unmap;
    line.settle({
      context: CONTEXT,
      profile: PROFILE,
      event: { type: "IovaUnmapped", ioas: domain, iova, last, bytes: byteLength(unmap.bytes) },
      errno: null,
      stamp: origin.stamp,
      actor: origin.actor,
      line: unmap.line,
    });
  }

  #attach(line: TraceLine): void {
    const domain = line.decimal("domain=");
    const endpoint = line.decimal("endpoint=");
    if (!line.isWhole()) return;
    this.settle(line);
    this.#detached.delete(endpoint);
    const device = deviceOf(endpoint);
    line.fact(CONTEXT, PROFILE, { type: "DeviceAttached", device, pasid: null, ioas: domain, hwpt: null });
  }

  #detach(line: TraceLine): void {
    line.decimal("domain=");
    const endpoint = line.decimal("endpoint=");
    if (!line.isWhole()) return;
    this.settle(line);
    if (this.#detached.has(endpoint)) return;
    if (this.#detached.size >= ENDPOINTS_MAX) this.#detached.clear();
    this.#detached.add(endpoint);
    line.fact(CONTEXT, PROFILE, { type: "DeviceDetached", device: deviceOf(endpoint), pasid: null });
  }

  /** The last endpoint left and the domain goes, with all its mappings. */
  #putDomain(line: TraceLine): void {
    const domain = line.decimal("domain=");
    if (!line.isWhole()) return;
    this.settle(line);
    line.fact(CONTEXT, PROFILE, { type: "IoasDestroyed", ioas: domain });
  }

  #fault(line: TraceLine): void {
    const reason = line.decimal("reason=");
    const flags = line.decimal("flags=");
    const endpoint = line.decimal("endpoint=");
    const address = line.hex("address =");
    if (!line.isWhole()) return;
    this.settle(line);
    line.fact(CONTEXT, PROFILE, {
      type: "FaultReported",
      format: "qemu-virtio-iommu",
      device: deviceOf(endpoint),
      pasid: null,
      iova: (flags & FAULT_ADDRESS) !== 0 || address !== 0n ? asIova(address) : null,
      access: (flags & FLAG_WRITE) !== 0 ? "write" : (flags & FLAG_READ) !== 0 ? "read" : "unknown",
      reason: FAULT_REASONS[reason] ?? `reason ${reason}`,
    });
  }

  /** A shadow mapping follows in the listener's lines; no news of the guest. */
  #notifyMap(line: TraceLine): void {
    const iova = line.hex("virt_start=0x");
    line.hex("virt_end=0x");
    const gpa = line.hex("phys_start=0x");
    const flags = line.decimal("flags=");
    if (line.isWhole()) this.#translation.set(iova, gpa, protOf((flags & FLAG_READ) !== 0, (flags & FLAG_WRITE) !== 0));
  }
}

function deviceOf(endpoint: number): string {
  return `endpoint ${endpoint}`;
}

function isRange(line: TraceLine, iova: bigint, last: bigint): boolean {
  if (!line.isWhole()) return false;
  if (iova <= last) return true;
  line.problem("the range ends before it begins");
  return false;
}
