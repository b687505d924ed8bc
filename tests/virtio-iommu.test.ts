/** Real requests of Linux guests to QEMU's virtio-iommu (7.2 and 10.0), each put to the model of the device. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import {
  applyBatch,
  ContextState,
  decideVirtioIommu,
  type EndpointTraits,
  EventBatch,
  type VirtioIommuCommand,
  type VirtioIommuEnvironment,
  WHOLE_SPACE,
} from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT, recordingFile } from "./ioasis.ts";

const test = suite("virtio-iommu requests of real guests");

const ENDPOINT: EndpointTraits = { reserved: [], hostRanges: null };
const DEVICE: VirtioIommuEnvironment = {
  implementation: "qemu",
  pageSizeMask: 0xffff_ffff_ffff_f000n,
  inputRange: WHOLE_SPACE,
  probeBytes: 512,
  bypass: true,
  reserved: [],
  endpoints: new Map([
    [8, ENDPOINT],
    [24, ENDPOINT],
  ]),
};

/** A logged request, and the ranges that its `unmap_done` lines say were removed. */
interface Logged {
  readonly line: number;
  readonly command: VirtioIommuCommand;
  readonly removed: (readonly [first: bigint, last: bigint])[];
}

const REQUEST = /virtio_iommu_(attach|detach|map|unmap|unmap_done) domain=(\d+) (.*)$/;
const field = (text: string, name: string): string => {
  const value = new RegExp(`\\b${name}=(\\w+)`).exec(text)?.[1];
  if (value === undefined) throw new Error(`no ${name} in ${text}`);
  return value;
};

/** Of a log, in its order; with the number of lines of each kind. */
function requestsOf(file: string): { readonly requests: Logged[]; readonly counts: Record<string, number> } {
  const requests: Logged[] = [];
  const counts: Record<string, number> = {};
  for (const [i, text] of gunzipSync(readFileSync(file)).toString().split("\n").entries()) {
    const match = REQUEST.exec(text);
    if (match === null) continue;
    const [, kind, number, rest] = match as unknown as [string, string, string, string];
    counts[kind] = (counts[kind] ?? 0) + 1;
    const domain = Number(number);
    if (kind === "attach" || kind === "detach") {
      const endpoint = Number(field(rest, "endpoint"));
      const command = kind === "attach" ? "AttachEndpoint" : "DetachEndpoint";
      requests.push({
        line: i + 1,
        command: { command, domain, endpoint, flags: 0 } as VirtioIommuCommand,
        removed: [],
      });
      continue;
    }
    const virtStart = BigInt(field(rest, "virt_start"));
    const virtEnd = BigInt(field(rest, "virt_end"));
    if (kind === "unmap_done") requests.at(-1)?.removed.push([virtStart, virtEnd]);
    else if (kind === "unmap")
      requests.push({ line: i + 1, command: { command: "UnmapRange", domain, virtStart, virtEnd }, removed: [] });
    else {
      const physStart = BigInt(field(rest, "phys_start"));
      const flags = Number(field(rest, "flags"));
      const command = { command: "MapRange", domain, virtStart, virtEnd, physStart, flags } as const;
      requests.push({ line: i + 1, command, removed: [] });
    }
  }
  return { requests, counts };
}

/** Puts every request to the model, which must accept it and remove exactly what the log says. */
function replay(state: ContextState, file: string): Record<string, number> {
  const { requests, counts } = requestsOf(file);
  for (const { line, command, removed } of requests) {
    const before = "virtStart" in command ? mappingsIn(state, command) : [];
    const { status, events, bug } = decideVirtioIommu(state, command, DEVICE);
    assert.is(status, "OK", `line ${line}: ${status}`);
    assert.is(bug, null, `line ${line}`);
    const batch = new EventBatch(1, state.version + 1, events.length);
    for (const event of events) batch.push(event, { stamp: null, actor: null, errno: null, line });
    applyBatch(state, batch);
    if (command.command === "UnmapRange") {
      assert.equal(before, removed, `line ${line}`);
      assert.equal(mappingsIn(state, command), [], `line ${line}`);
    } else if (command.command === "MapRange") {
      assert.equal(before, [], `line ${line}`);
      assert.equal(mappingsIn(state, command), [[command.virtStart, command.virtEnd]], `line ${line}`);
    }
  }
  return counts;
}

interface Window {
  readonly domain: number;
  readonly virtStart: bigint;
  readonly virtEnd: bigint;
}

function mappingsIn(state: ContextState, { domain, virtStart, virtEnd }: Window): (readonly [bigint, bigint])[] {
  const space = state.spaceOfKernelId(domain);
  return space === null ? [] : [...space.areas.in(virtStart, virtEnd)].map(({ iova, last }) => [iova, last] as const);
}

test("QEMU 10.0: an e1000e of a guest, from its boot", () => {
  const state = new ContextState();
  const counts = replay(state, recordingFile("qemu/qemu-virtio-iommu-e1000e.log.gz"));
  assert.equal(counts, { attach: 2, map: 3407, unmap: 3405, unmap_done: 3405 });
  assert.is(state.liveMappings, 2);
});

test("QEMU 7.2: a guest that is migrated goes on at the destination where it stopped at the source", () => {
  const state = new ContextState();
  const source = replay(state, path.join(ROOT, "demo/source.log.gz"));
  assert.equal(source, { attach: 2, map: 23_584, unmap: 23_327, unmap_done: 23_327 });
  assert.is(state.liveMappings, 257);
  const destination = replay(state, path.join(ROOT, "demo/destination.log.gz"));
  assert.equal(destination, { map: 4, unmap: 259, unmap_done: 259 });
  assert.is(state.liveMappings, 2);
});

test("the destination alone is refused: its guest unmaps what only the source mapped", () => {
  const { requests } = requestsOf(path.join(ROOT, "demo/destination.log.gz"));
  const [first] = requests;
  assert.is(decideVirtioIommu(new ContextState(), (first as Logged).command, DEVICE).status, "NOENT");
});

test.run();
