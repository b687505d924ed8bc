/** The folds agree with a naive reading of the whole state after every event of random histories. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ByteLength, Iova } from "../address.ts";
import { EventBatch } from "../event-batch.ts";
import type { IoasEvent } from "../events.ts";
import { parseRules } from "./parse-rules.ts";
import { ruleRun } from "./rule-run.ts";

const test = suite("rule-run");
const HISTORIES = 60;
const EVENTS = 300;
const SPACES = 3;
const RULES = parseRules(
  "alias: forbid alias across spaces\nmappings: limit mappings 4\nbytes: limit bytes 24 KiB\nage: limit age 20 s\n" +
    "reuse: forbid reuse within 5 s\ndestroy: require unmap before destroy\nwrite: forbid writable map in 0x3000-0x4fff",
);

/** xorshift32. */
function randomOf(seed: number): (below: number) => number {
  let x = seed;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

function randomEvent(random: (below: number) => number, alive: boolean[]): IoasEvent {
  const drawn = random(SPACES);
  const ioas = alive[drawn] === true ? drawn : nextSpace(alive);
  const iova = BigInt(random(48) * 0x400) as Iova;
  const last = (iova + BigInt(1 + random(20)) * 0x400n - 1n) as Iova;
  const choice = random(40);
  if (choice === 0) {
    alive[ioas] = false;
    return { type: "IoasDestroyed", ioas };
  }
  if (choice < 22) return { type: "IovaUnmapped", ioas, iova, last, bytes: (last - iova + 1n) as ByteLength };
  const start = BigInt(random(64) * 0x400);
  const source =
    random(3) === 0 ? { kind: "gpa" as const, gpa: start } : { kind: "file" as const, fd: random(3), start };
  return { type: "IovaMapped", ioas, iova, last, prot: random(2) === 0 ? "r" : "rw", source };
}

function nextSpace(alive: boolean[]): number {
  const first = alive.indexOf(true);
  return first >= 0 ? first : alive.push(true) - 1;
}

interface Byte {
  /** `file0` or `gpa`, and where in it. */
  readonly source: string;
  readonly version: number;
}

const GRAIN = 0x400n;

/** Everything in grains of 1 KiB, in maps: slow and plain. */
class Naive {
  readonly spaces = new Map<number, Map<bigint, Byte>>();
  readonly unmappedAt = new Map<string, number>();
  readonly mappedAt = new Map<number, number>();
  readonly told = new Set<number>();
  readonly above = new Set<string>();
  readonly found: string[] = [];

  take(event: IoasEvent, version: number, now: number): void {
    const tell = (rule: string): void => void this.found.push(`${version} ${rule}`);
    for (const grains of this.spaces.values())
      for (const { version: since } of grains.values())
        if (now - (this.mappedAt.get(since) as number) > 20 && !this.told.has(since)) {
          this.told.add(since);
          tell("age");
        }
    if (event.type !== "IovaMapped" && event.type !== "IovaUnmapped" && event.type !== "IoasDestroyed") return;
    const { ioas } = event;
    const grains = this.spaces.get(ioas) ?? new Map<bigint, Byte>();
    this.spaces.set(ioas, grains);
    if (event.type === "IoasDestroyed") {
      if (grains.size > 0) tell("destroy");
      grains.clear();
      return;
    }
    for (let at = event.iova as bigint; at <= event.last; at += GRAIN)
      if (event.type === "IovaUnmapped" && grains.delete(at)) this.unmappedAt.set(`${ioas} ${at}`, now);
    if (event.type === "IovaMapped") this.map(event, version, now, grains, tell);
    this.limit(`mappings ${ioas}`, this.areas(grains) > 4, tell);
    this.limit(`bytes ${ioas}`, grains.size > 24, tell);
  }

  private map(
    event: Extract<IoasEvent, { type: "IovaMapped" }>,
    version: number,
    now: number,
    grains: Map<bigint, Byte>,
    tell: (rule: string) => void,
  ): void {
    const { ioas, iova, last, source, prot } = event;
    const key = source.kind === "file" ? `file${source.fd}` : "gpa";
    const start = source.kind === "file" ? source.start : source.kind === "gpa" ? source.gpa : 0n;
    const others = new Set<number>();
    let reused = false;
    for (let at = iova as bigint; at <= last; at += GRAIN) {
      const byte = `${key} ${start + at - iova}`;
      for (const [other, theirs] of this.spaces)
        if (other !== ioas) for (const grain of theirs.values()) if (grain.source === byte) others.add(other);
      const gone = this.unmappedAt.get(`${ioas} ${at}`);
      if (gone !== undefined && now - gone <= 5) reused = true;
      this.unmappedAt.delete(`${ioas} ${at}`);
      grains.set(at, { source: byte, version });
    }
    this.mappedAt.set(version, now);
    for (const _other of others) tell("alias");
    if (reused) tell("reuse");
    if (prot === "rw" && iova <= 0x4fffn && last >= 0x3000n) tell("write");
  }

  private areas(grains: Map<bigint, Byte>): number {
    let count = 0;
    for (const [at, { version }] of grains) if (grains.get(at - GRAIN)?.version !== version) count++;
    return count;
  }

  private limit(key: string, isAbove: boolean, tell: (rule: string) => void): void {
    if (isAbove && !this.above.has(key)) tell(key.split(" ")[0] as string);
    if (isAbove) this.above.add(key);
    else this.above.delete(key);
  }
}

test("random histories", () => {
  let violations = 0;
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = randomOf(seed * 2_654_435);
    const alive = Array.from({ length: SPACES }, () => true);
    const batch = new EventBatch(1, 1, EVENTS + 20);
    const naive = new Naive();
    let now = 0;
    const push = (event: IoasEvent): void => {
      now += random(3);
      batch.push(event, { stamp: { clock: "t", ticks: BigInt(now), decimals: 0 }, actor: null, errno: null, line: 0 });
      naive.take(event, batch.lastVersion, now);
    };
    for (let ioas = 0; ioas < SPACES; ioas++) push({ type: "IoasAllocated", ioas, kernelId: null });
    for (let step = 0; step < EVENTS; step++) {
      const spaces = alive.length;
      const event = randomEvent(random, alive);
      if (alive.length > spaces) push({ type: "IoasAllocated", ioas: spaces, kernelId: null });
      push(event);
      if (batch.lastVersion > EVENTS) break;
    }
    const found: string[] = [];
    const run = ruleRun(RULES, {
      violation: (rule, { recorded }) => found.push(`${recorded.version} ${rule.name}`),
      note: (rule, _context, why) => assert.unreachable(`${rule?.name}: ${why}`),
    });
    const context = run.context("c");
    context.take(batch, batch.lastVersion);
    context.end();
    run.finish();
    assert.equal(found.toSorted(), naive.found.toSorted(), `seed ${seed}`);
    violations += found.length;
  }
  assert.ok(violations > 5_000, `${violations} violations are too few to mean anything`);
});

test.run();
