/**
 * The DMA regions that a vfio-user server was given (libvfio-user, mostly below SPDK).
 *
 * The server logs `adding` and `removing` before it tries, and after that at most why it failed; so
 * a request waits for the next line of its device. Each device (socket path) is a context.
 */
import { iova as asIova, byteLength, type Errno, type Fact, type ObservedEvent, U64_MAX } from "@ioasis/core";
import type { Decoder, FactSink } from "../decoder.ts";
import type { Line } from "../line.ts";
import { mapped, refused } from "../qemu/held-call.ts";
import { LiveRanges } from "../qemu/live-ranges.ts";
import { readLogLine } from "./log-line.ts";
import { type RegionMessage, readRegionMessage } from "./region-message.ts";

const DEVICES_MAX = 4_096;
const QUOTED_MAX = 80;
/** `/var/run/muser/domain/muser0/8: adding ...`, `gpio: added ...` */
const DEVICE = /^(\S+): /;
const PROFILE = "vfio-user";

export function vfioUserDecoder(): Decoder {
  return new VfioUserDecoder();
}

export function looksLikeVfioUser(line: string): boolean {
  const { isFramed, message } = readLogLine(line);
  const region = readRegionMessage(message);
  return (isFramed && line.includes("vfio_user")) || (region !== null && region !== "broken");
}

interface Request {
  readonly region: RegionMessage;
  readonly stamp: Fact["stamp"];
  readonly line: number;
}

interface Device {
  readonly live: LiveRanges;
  request: Request | null;
}

class VfioUserDecoder implements Decoder {
  readonly format = "vfio-user";
  readonly #devices = new Map<string, Device>();

  line({ text, number }: Line, sink: FactSink): void {
    if (text.trim() === "") return;
    const { stamp, isFramed, message } = readLogLine(text);
    const region = readRegionMessage(message);
    const name = DEVICE.exec(message)?.[1] ?? "";
    if (region === null) {
      if (isFramed || stamp !== null) this.#settle(name, sink);
      else sink.problem(number, `no line of libvfio-user or SPDK: ${text.slice(0, QUOTED_MAX)}`);
    } else if (region === "broken") sink.problem(number, "the region's range cannot be read");
    else this.#region(name, { region, stamp, line: number }, sink);
  }

  end(sink: FactSink): void {
    for (const name of this.#devices.keys()) this.#settle(name, sink);
  }

  #region(name: string, told: Request, sink: FactSink): void {
    const device = this.#device(name, sink);
    const { region } = told;
    const announced = device.request;
    const isSame = announced?.region.iova === region.iova && announced.region.length === region.length;
    switch (region.action) {
      case "new":
        return;
      case "adding":
      case "removing":
        this.#settle(name, sink);
        device.request = told;
        return;
      case "mapped":
      case "added":
      case "removed": {
        // The request knows the rights, its outcome where the region lies in the server.
        const isOutcome = isSame && announced.region.action === (region.action === "removed" ? "removing" : "adding");
        if (isOutcome) device.request = null;
        else this.#settle(name, sink);
        const prot = isOutcome && region.prot === "unknown" ? announced.region.prot : region.prot;
        this.#done(name, device, { ...told, region: { ...region, prot } }, sink);
        return;
      }
      case "failed to add":
      case "failed to remove":
        if (isSame) device.request = null;
        else this.#settle(name, sink);
        emit(name, told, refusal(region), region.errno, sink);
        return;
      case "failed to translate":
        this.#settle(name, sink);
        emit(name, told, translationFault(region), null, sink);
        return;
    }
  }

  /** Nothing said that the request failed. */
  #settle(name: string, sink: FactSink): void {
    const device = this.#devices.get(name);
    if (device === undefined || device.request === null) return;
    const { request } = device;
    device.request = null;
    this.#done(name, device, request, sink);
  }

  #done(name: string, device: Device, told: Request, sink: FactSink): void {
    const { action, iova, length, prot, va } = told.region;
    if (action !== "removing" && action !== "removed") {
      const event = mapped(null, iova, length, prot, va === null ? { kind: "unknown" } : { kind: "va", va });
      if (event === null) sink.problem(told.line, "an empty region was added");
      else {
        device.live.map(iova, iova + length - 1n);
        emit(name, told, event, null, sink);
      }
    } else if (told.region.isUnmapOfAll) {
      const bytes = device.live.unmap(0n, U64_MAX);
      emit(
        name,
        told,
        { type: "IovaUnmapped", ioas: null, iova: asIova(0n), last: asIova(U64_MAX), bytes },
        null,
        sink,
      );
    } else if (length === 0n) sink.problem(told.line, "an empty region was removed");
    else {
      const last = iova + length - 1n;
      device.live.unmap(iova, last);
      const range = { iova: asIova(iova), last: asIova(last), bytes: byteLength(length) };
      emit(name, told, { type: "IovaUnmapped", ioas: null, ...range }, null, sink);
    }
  }

  #device(name: string, sink: FactSink): Device {
    let device = this.#devices.get(name);
    if (device === undefined) {
      if (this.#devices.size >= DEVICES_MAX) {
        this.end(sink);
        this.#devices.clear();
      }
      device = { live: new LiveRanges(false), request: null };
      this.#devices.set(name, device);
    }
    return device;
  }
}

/** What SPDK says when a queue or a command names an address that no region holds. */
export function translationFault(region: RegionMessage): ObservedEvent {
  return {
    type: "FaultReported",
    format: "spdk-vfio-user",
    device: null,
    pasid: null,
    iova: asIova(region.iova),
    access: region.prot === "r" ? "read" : region.prot === "w" ? "write" : "unknown",
    reason: region.reason,
  };
}

function refusal(region: RegionMessage): ObservedEvent {
  const { iova, length, prot } = region;
  const direction = region.action === "failed to add" ? "map" : "unmap";
  const place = { context: "", profile: PROFILE, ioas: null } as const;
  return refused({ ...place, direction, iova, length, prot, source: { kind: "unknown" } });
}

function emit(context: string, told: Request, event: ObservedEvent, errno: Errno | null, sink: FactSink): void {
  sink.fact({ context, profile: PROFILE, event, errno, stamp: told.stamp, actor: null, line: told.line });
}
