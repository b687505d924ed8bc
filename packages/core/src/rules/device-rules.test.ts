/** Rules on devices, reservations and refusals agree with a naive reading of random histories. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Errno } from "../errno.ts";
import { allocated, attached, detached, mapped, refused, reserved, unmapped, unreserved } from "./testing/events.ts";
import { judged, type Step } from "./testing/judged.ts";

const test = suite("device rules");
const HISTORIES = 80;
const STEPS = 300;
const SPACES = 3;
const RULES =
  "two: forbid device in two spaces\ndetach: require unmap before detach\nours: allow device d0, d1\n" +
  "held: forbid map in 0x2000-0x3fff where device = d0\nkept: require reserved 0x4000-0x5fff\n" +
  "often: limit refusals 2 in 6 s with EINVAL\nmany: limit refusals 20\nfew: limit mappings 2 where device = d1";

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

function randomStep(random: (below: number) => number, at: number): Step {
  const ioas = random(SPACES);
  const device = `d${random(3)}`;
  const pasid = random(3) === 0 ? random(2) : null;
  const first = random(8) * 0x1000;
  const bytes = (1 + random(3)) * 0x1000;
  const owner = `device:d${random(2)}`;
  switch (random(8)) {
    case 0:
    case 1:
      return attached(device, ioas, pasid, { at });
    case 2:
      return detached(device, pasid, { at });
    case 3:
      return { ...reserved(ioas, first, first + bytes - 1, owner), at };
    case 4:
      return random(3) === 0 ? { ...unreserved(ioas, owner), at } : refused({ at, errno: errnoOf(random) });
    case 5:
      return unmapped(ioas, first, 4 * bytes, { at });
    case 6:
      return refused({ at, errno: errnoOf(random) });
    default:
      return mapped(ioas, first, bytes, { kind: "unknown" }, { at });
  }
}

function errnoOf(random: (below: number) => number): Errno {
  return random(2) === 0 ? "EINVAL" : "ENOENT";
}

/** Pages, attachments and reservations in plain lists that are walked whole. */
class Naive {
  readonly found: string[] = [];
  readonly #pages: Map<number, number>[] = Array.from({ length: SPACES }, () => new Map());
  readonly #reserved: { ioas: number; owner: string; page: number }[] = [];
  #attached: { device: string; pasid: number | null; ioas: number }[] = [];
  readonly #above = new Set<number>();
  #refusals: number[] = [];
  #total = 0;

  take({ event, errno }: Step, version: number, now: number): void {
    const tell = (rule: string): void => void this.found.push(`${version} ${rule}`);
    switch (event.type) {
      case "DeviceAttached":
        this.attach(event.device, event.pasid, event.ioas as number, tell);
        return;
      case "DeviceDetached": {
        const own = this.#attached.find(({ device, pasid }) => device === event.device && pasid === event.pasid);
        this.#attached = this.#attached.filter((one) => one !== own);
        const isLast = own !== undefined && this.#attached.every(({ ioas }) => ioas !== own.ioas);
        if (own !== undefined && isLast && this.#pagesOf(own.ioas).size > 0) tell("detach");
        return;
      }
      case "IovaMapped": {
        const isHeld = this.#attached.some(({ device, ioas }) => device === "d0" && ioas === event.ioas);
        const pages = pagesOf(event.iova, event.last);
        if (isHeld && pages.some((page) => page === 2 || page === 3)) tell("held");
        for (const page of pages) this.#pagesOf(event.ioas).set(page, version);
        this.count(event.ioas, tell);
        return;
      }
      case "IovaUnmapped":
        for (const page of pagesOf(event.iova, event.last)) this.#pagesOf(event.ioas).delete(page);
        this.count(event.ioas, tell);
        return;
      case "IovaReserved":
        for (const page of pagesOf(event.iova, event.last))
          this.#reserved.push({ ioas: event.ioas, owner: event.owner, page });
        return;
      case "IovaUnreserved": {
        const before = this.isKept(event.ioas);
        for (const one of this.#reserved.filter(({ ioas, owner }) => ioas === event.ioas && owner === event.owner))
          this.#reserved.splice(this.#reserved.indexOf(one), 1);
        if (before && !this.isKept(event.ioas)) tell("kept");
        return;
      }
      case "CallRefused": {
        if (++this.#total === 21) tell("many");
        if (errno !== "EINVAL") return;
        this.#refusals = [...this.#refusals.filter((time) => now - time <= 6), now];
        if (this.#refusals.length <= 2) return;
        this.#refusals = [];
        tell("often");
      }
    }
  }

  private attach(device: string, pasid: number | null, ioas: number, tell: (rule: string) => void): void {
    this.#attached = this.#attached.filter((one) => one.device !== device || one.pasid !== pasid);
    if (this.#attached.some((one) => one.device === device && one.ioas !== ioas)) tell("two");
    if (device === "d2") tell("ours");
    this.#attached.push({ device, pasid, ioas });
    if (device === "d1") this.count(ioas, tell);
    if (device !== "d0") return;
    const pages = this.#pagesOf(ioas);
    for (const start of this.stretches(ioas)) {
      let end = start;
      while (pages.get(end + 1) === pages.get(start)) end++;
      if (start <= 3 && end >= 2) tell("held");
    }
  }

  /** First pages of what is left of each mapping, by the version that made it. */
  private stretches(ioas: number): number[] {
    const pages = this.#pagesOf(ioas);
    return [...pages.keys()].filter((page) => pages.get(page - 1) !== pages.get(page));
  }

  private count(space: number, tell: (rule: string) => void): void {
    if (this.stretches(space).length <= 2) this.#above.delete(space);
    else if (!this.#above.has(space) && this.#attached.some(({ device, ioas }) => device === "d1" && ioas === space)) {
      this.#above.add(space);
      tell("few");
    }
  }

  private isKept(space: number): boolean {
    return [4, 5].every((page) => this.#reserved.some((one) => one.ioas === space && one.page === page));
  }

  #pagesOf(ioas: number): Map<number, number> {
    return this.#pages[ioas] as Map<number, number>;
  }
}

function pagesOf(first: bigint, last: bigint): number[] {
  const from = Number(first / 0x1000n);
  return Array.from({ length: Number(last / 0x1000n) - from + 1 }, (_, page) => from + page);
}

test("random histories", () => {
  const times = new Map<string, number>();
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = randomOf(seed * 2_654_435);
    const naive = new Naive();
    let now = 0;
    const steps: Step[] = [0, 1, 2].map((ioas) => allocated(ioas, { at: 0 }));
    while (steps.length < STEPS) {
      now += random(3);
      const step = randomStep(random, now);
      steps.push(step);
      naive.take(step, steps.length, now);
    }
    const { found } = judged(RULES, steps);
    assert.equal([...found].sort(), naive.found.toSorted(), `seed ${seed}`);
    for (const one of found) {
      const rule = one.split(" ")[1] as string;
      times.set(rule, (times.get(rule) ?? 0) + 1);
    }
  }
  // Each rule was broken often enough to mean something.
  for (const rule of ["two", "detach", "ours", "held", "kept", "often", "many", "few"])
    assert.ok((times.get(rule) ?? 0) >= HISTORIES / 2, `${rule}: ${times.get(rule)} violations`);
});

test.run();
