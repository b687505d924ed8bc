/**
 * QEMU's log: trace events of the `log`, `syslog` and journal kind, mixed with QEMU's own messages.
 *
 * Each trace event that tells of an address space has a handler; the other events that QEMU has are
 * passed over; messages decide what became of the call before them (`held-call.ts`); anything else
 * is a problem. Contexts: `iommufd=<fd>`, `container` (VFIO's own), `virtio-iommu`, `vtd`, `spapr`,
 * `vdpa=<pointer>`, `vfio-user` and the emulated IOMMUs of which only faults are known.
 */
import type { Decoder, FactSink } from "../decoder.ts";
import type { Line } from "../line.ts";
import { DmaRegions } from "./dma-regions.ts";
import { EmulatedIommus } from "./emulated-iommu.ts";
import { isTraceEvent } from "./event-names.ts";
import { GuestTranslation } from "./guest-translation.ts";
import type { Handler } from "./handler.ts";
import { contradiction, HeldCall, refused } from "./held-call.ts";
import { IommufdBackend } from "./iommufd-backend.ts";
import { type Message, readMessage } from "./message.ts";
import { Prefix } from "./prefix.ts";
import { isCommandLine, isMessage } from "./program-output.ts";
import { SpaprIommu } from "./spapr.ts";
import { TraceLine } from "./trace-line.ts";
import { CONTAINER, VfioListener } from "./vfio-listener.ts";
import { VirtioIommu } from "./virtio-iommu.ts";

/** Names of events without a handler that are kept at hand. */
const PASSED_NAMES_MAX = 4_096;
const QUOTED_MAX = 80;
/** Up to 7.x two events went on in a second, indented line. */
const CONTINUATION = /^\s+size: 0x/;

export function qemuDecoder(): Decoder {
  return new QemuDecoder();
}

/** Whether `line` is one that QEMU writes: a trace event of its, or a message about a mapping. */
export function looksLikeQemu(line: string): boolean {
  const parsed = new TraceLine();
  parsed.start(line, 0, parsed.sink);
  new Prefix().read(parsed);
  const name = nameAt(line, parsed.at);
  if (isTraceEvent(name)) return true;
  return isCommandLine(line) || (isMessage(name, parsed.actor) && /^(qemu|kvm)/.test(name));
}

class QemuDecoder implements Decoder {
  readonly format = "qemu";
  readonly #line = new TraceLine();
  readonly #prefix = new Prefix();
  readonly #held = new HeldCall();
  readonly #handlers = new Map<string, Handler>();
  readonly #iommufd = new IommufdBackend(this.#held);
  readonly #listener: VfioListener;
  readonly #virtio: VirtioIommu;
  #passedNames = 0;
  /** The line before ended in a backslash: libvirt logs the command line so. */
  #isCommandOpen = false;

  constructor() {
    const translation = new GuestTranslation();
    this.#listener = new VfioListener(this.#held, translation);
    this.#virtio = new VirtioIommu(translation);
    const others = [new EmulatedIommus(translation), new SpaprIommu(), new DmaRegions(this.#held)];
    for (const family of [this.#iommufd, this.#listener, this.#virtio, ...others])
      for (const [name, handler] of Object.entries(family.handlers)) this.#handlers.set(name, handler);
  }

  line({ text, number }: Line, sink: FactSink): void {
    const line = this.#line;
    line.start(text, number, sink);
    this.#prefix.read(line);
    const name = nameAt(text, line.at);
    const handler = this.#handlers.get(name);
    if (handler !== undefined) {
      line.at += name.length;
      handler(line);
    } else if (name !== "") this.#other(line, name);
    this.#isCommandOpen = text.charCodeAt(text.length - 1) === 0x5c;
  }

  end(sink: FactSink): void {
    const { number } = this.#line;
    this.#line.start("", number, sink);
    this.#virtio.settle(this.#line);
    this.#held.settle(this.#line);
  }

  #other(line: TraceLine, name: string): void {
    if (isTraceEvent(name)) {
      this.#held.tick(line);
      if (this.#passedNames++ < PASSED_NAMES_MAX) this.#handlers.set(name, (passed) => this.#held.tick(passed));
    } else if (isMessage(name, line.actor)) this.#message(line);
    else if (!this.#isCommandOpen && !isCommandLine(line.text) && !CONTINUATION.test(line.text)) {
      const { text, at } = line;
      const quoted = text.length - at > QUOTED_MAX ? `${text.slice(at, at + QUOTED_MAX)}...` : text.slice(at);
      line.problem(`neither a trace event nor a message of QEMU: ${quoted}`);
    }
  }

  #message(line: TraceLine): void {
    const message = readMessage(line.text.slice(line.at));
    if (message === null) this.#held.tick(line);
    else if (!this.#held.take(message, line)) this.#unannounced(message, line);
  }

  /** A call failed that no trace event had told of. */
  #unannounced(message: Message, line: TraceLine): void {
    this.#held.settle(line);
    const isIommufd = this.#held.isToldByBackend || (message.kind === "failed" && message.isIommufd);
    const place = isIommufd
      ? ({ context: this.#iommufd.newestContext, profile: "iommufd" } as const)
      : { context: CONTAINER, profile: this.#listener.profile };
    const unknown = { ...place, ioas: null, prot: "unknown", source: { kind: "unknown" } } as const;
    switch (message.kind) {
      case "failed":
        this.#held.hold({ ...unknown, direction: message.direction, iova: null, length: 0n, outcome: "refused" }, line);
        this.#held.take(message, line);
        return;
      case "returned": {
        const { direction, iova, length, va, errno } = message;
        const source = va === null ? unknown.source : ({ kind: "va", va } as const);
        const event = refused({ ...unknown, direction, iova, length, source });
        const { stamp, actor, line: number } = line.origin();
        line.settle({ ...place, event, errno, stamp, actor, line: number, ...contradiction(message) });
        return;
      }
      case "outside": {
        const { iova, last } = message;
        if (last < iova) {
          line.problem("the range ends before it begins");
          return;
        }
        const event = refused({ ...unknown, direction: "map", iova, length: last - iova + 1n });
        line.fact(place.context, place.profile, event, "UNKNOWN");
        return;
      }
      case "gave-up":
        return;
    }
  }
}

function nameAt(text: string, at: number): string {
  const blank = text.indexOf(" ", at);
  return text.slice(at, blank < 0 ? text.length : blank);
}
