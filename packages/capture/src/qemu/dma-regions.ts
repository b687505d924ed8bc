/**
 * Other users of a guest's memory: vDPA devices (hw/virtio/vhost-vdpa.c), QEMU as a vfio-user
 * client (hw/vfio-user, from 10.1) and as a vfio-user server (hw/remote/vfio-user-obj.c).
 *
 * None of the lines tells a result; QEMU prints an error where a call fails.
 */
import { iova as asIova, byteLength, fits, type KernelRef, lastOf, type ProfileName, protOf } from "@ioasis/core";
import type { EventFamily, Handler } from "./handler.ts";
import { type HeldCall, mapped } from "./held-call.ts";
import type { TraceLine } from "./trace-line.ts";

const FLAG_READ = 1n;
const FLAG_WRITE = 2n;
const REGIONS_MAX = 65_536;
const VFIO_USER = "vfio-user";

export class DmaRegions implements EventFamily {
  readonly handlers: Readonly<Record<string, Handler>> = {
    vhost_vdpa_dma_map: vdpaMap,
    vhost_vdpa_dma_unmap: vdpaUnmap,
    vfio_user_dma_map: (line) => this.#clientMap(line),
    vfio_user_dma_unmap: (line) => this.#clientUnmap(line),
    vfu_dma_register: (line) => this.#register(line),
    vfu_dma_unregister: (line) => this.#unregister(line),
  };
  readonly #held: HeldCall;
  /** Guest address to length of the regions that the server was given: the end names no length. */
  readonly #regions = new Map<bigint, bigint>();

  constructor(held: HeldCall) {
    this.#held = held;
  }

  #clientMap(line: TraceLine): void {
    const iova = line.hex("iova 0x");
    const length = line.hex("size 0x");
    const flags = line.hex("flags 0x");
    if (!line.isWhole()) return;
    this.#held.supersede(iova, line);
    map(line, VFIO_USER, "vfio-user", { ioas: null, iova, length, flags, va: null });
  }

  #clientUnmap(line: TraceLine): void {
    const iova = line.hex("iova 0x");
    const length = line.hex("size 0x");
    if (!line.isWhole()) return;
    this.#held.supersede(iova, line);
    unmap(line, VFIO_USER, "vfio-user", null, iova, length);
  }

  #register(line: TraceLine): void {
    const gpa = line.hex("GPA 0x");
    const length = BigInt(line.decimal(", "));
    if (!line.isWhole()) return;
    const event = mapped(null, gpa, length, "unknown", { kind: "gpa", gpa });
    if (event === null) {
      line.problem("the region does not fit into 64 bits");
      return;
    }
    if (this.#regions.size >= REGIONS_MAX) this.#regions.clear();
    this.#regions.set(gpa, length);
    line.fact(VFIO_USER, "vfio-user", event);
  }

  #unregister(line: TraceLine): void {
    const gpa = line.hex("GPA 0x");
    if (!line.isWhole()) return;
    const length = this.#regions.get(gpa);
    this.#regions.delete(gpa);
    if (length !== undefined) {
      unmap(line, VFIO_USER, "vfio-user", null, gpa, length);
      return;
    }
    const what = `the region at 0x${gpa.toString(16)} was there before the log and went; its length is not told`;
    line.fact(VFIO_USER, "vfio-user", { type: "EventsLost", count: null, what });
  }
}

/** `vdpa:`, from 9.0 `vdpa_shared:`; `asid:` from 8.0. */
function vdpaMap(line: TraceLine): void {
  const context = vdpaContext(line);
  const ioas = line.has("asid: ") ? line.decimal("asid: ") : null;
  const iova = line.hex("iova: 0x");
  const length = line.hex("size: 0x");
  const va = line.hex("uaddr: 0x");
  const flags = line.hex("perm: 0x");
  if (line.isWhole()) map(line, context, "unknown", { ioas, iova, length, flags, va });
}

function vdpaUnmap(line: TraceLine): void {
  const context = vdpaContext(line);
  const ioas = line.has("asid: ") ? line.decimal("asid: ") : null;
  const iova = line.hex("iova: 0x");
  const length = line.hex("size: 0x");
  if (line.isWhole()) unmap(line, context, "unknown", ioas, iova, length);
}

function vdpaContext(line: TraceLine): string {
  return `vdpa=${line.word(line.has("vdpa_shared:") ? "vdpa_shared:" : "vdpa:", " ")}`;
}

interface Region {
  readonly ioas: KernelRef;
  readonly iova: bigint;
  readonly length: bigint;
  readonly flags: bigint;
  readonly va: bigint | null;
}

function map(line: TraceLine, context: string, profile: ProfileName, region: Region): void {
  const { ioas, iova, length, flags, va } = region;
  const prot = protOf((flags & FLAG_READ) !== 0n, (flags & FLAG_WRITE) !== 0n);
  const event = mapped(ioas, iova, length, prot, va === null ? { kind: "unknown" } : { kind: "va", va });
  if (event === null) line.problem("the mapping does not fit into 64 bits");
  else line.fact(context, profile, event);
}

function unmap(
  line: TraceLine,
  context: string,
  profile: ProfileName,
  ioas: KernelRef,
  first: bigint,
  length: bigint,
): void {
  const iova = asIova(first);
  if (!fits(iova, length)) {
    line.problem("the range does not fit into 64 bits");
    return;
  }
  line.fact(context, profile, {
    type: "IovaUnmapped",
    ioas,
    iova,
    last: lastOf(iova, length),
    bytes: byteLength(length),
  });
}
