/** The ledger that goes on from call to call, beside a count from scratch over all areas. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Command } from "../commands.ts";
import { merged, type Range } from "../range.ts";
import { pinLedgerOf } from "./pin-ledger.ts";
import { pagesOfArea } from "./pinning.ts";
import { Model, PAGE, VA } from "./testing/model.ts";

const test = suite("pin ledger");

const IOVA = 0x100_0000n;
const SLOTS = 48;

/** Two spaces; their devices come and go, so that their page tables do. */
class Machine extends Model {
  readonly copies = new Map<number, number>();
  readonly #devices = new Map<number, string>();
  #made = 0;

  constructor() {
    super({ memlockBytes: 12n * PAGE, canLockMemory: false });
    this.environment = { ...this.environment, copies: this.copies };
  }

  copy(srcIoasId: number, dstIoasId: number, srcIova: bigint, dstIova: bigint, length: bigint) {
    const command: Command = { command: "CopyIova", flags: 7, dstIoasId, srcIoasId, length, dstIova, srcIova };
    const outcome = this.run(command);
    const { maps } = (outcome.out ?? { maps: [] }) as { readonly maps: readonly (number | null)[] };
    for (const [i, map] of maps.entries()) this.copies.set(this.state.version - maps.length + 1 + i, map ?? 0);
    return outcome;
  }

  /** A live context keeps no copies without areas. */
  forgetCopies(): void {
    const versions = this.state.liveSpaces.flatMap(({ areas }) => [...areas.all()].map(({ version }) => version));
    for (const version of this.copies.keys()) if (!versions.includes(version)) this.copies.delete(version);
  }

  /** Attaches a device to the ioas, or detaches the one that is there. */
  toggle(ioasId: number): void {
    const device = this.#devices.get(ioasId);
    if (device === undefined) {
      const name = `dev${this.#made++}`;
      if (this.attach(ioasId, name).errno === null) this.#devices.set(ioasId, name);
    } else {
      const id = this.state.devices.get(device)?.objectId ?? 0;
      assert.is(this.run({ command: "DestroyObject", id }).errno, null);
      this.#devices.delete(ioasId);
    }
  }
}

/** Each pages object counts the bytes that any area of a space with page tables has of it. */
function recount({ state, environment }: Model): Map<number, readonly Range[]> {
  const parts = new Map<number, Range[]>();
  for (const space of state.liveSpaces) {
    if (!state.hwpts.some((hwpt) => hwpt?.ioas === space.handle)) continue;
    for (const { map, bytes } of [...space.areas.all()].flatMap(
      (area) => pagesOfArea(area, area.iova, area.last, environment) ?? [],
    ))
      if (map !== null) parts.set(map, [...(parts.get(map) ?? []), bytes]);
  }
  return new Map([...parts].map(([map, ranges]) => [map, merged(ranges)]));
}

function check(model: Model, step: number): void {
  const counted = recount(model);
  const ledger = pinLedgerOf(model.state, model.environment);
  let charged = 0n;
  for (const [map, ranges] of counted)
    for (const range of ranges) {
      if (map > model.environment.lockedUpTo) charged += range.last - range.first + 1n;
      assert.equal(ledger.rangesOf(map)?.missing(range), [], `step ${step}: MAP ${map}`);
    }
  assert.is(ledger.chargedBytes, charged, `step ${step}`);
}

test("charges what a count from scratch charges, whatever was mapped, copied, cut, attached and destroyed", () => {
  let seed = 31;
  const random = (below: number) => ((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >>> 8) % below;
  const model = new Machine();
  const ids = [model.alloc(), model.alloc()];
  const at = () => IOVA + BigInt(random(SLOTS)) * PAGE;
  const length = () => BigInt(1 + random(4)) * PAGE;
  const refused = new Map<string, number>();
  for (let step = 0; step < 6_000; step++) {
    const [own, other] = random(2) === 0 ? [ids[0], ids[1]] : [ids[1], ids[0]];
    const id = own as number;
    const what = random(100);
    let errno: string | null = null;
    if (what < 45) {
      const va = VA + BigInt(random(64)) * PAGE + (random(4) === 0 ? 0x800n : 0n);
      errno = model.map(id, at(), length() - (random(4) === 0 ? 0x800n : 0n), va).errno;
    } else if (what < 70) errno = model.copy(id, random(3) === 0 ? id : (other as number), at(), at(), length()).errno;
    else if (what < 90) errno = model.unmap(id, at(), length() * 2n).errno;
    else if (what < 92) {
      // A recording may cut an area, which the kernel never does.
      const first = at() + 0x400n;
      const handle = model.state.spaceOfKernelId(id)?.handle ?? 0;
      model.fold([
        {
          type: "IovaUnmapped",
          ioas: handle,
          iova: first as never,
          last: (first + 0x3ffn) as never,
          bytes: 0x400n as never,
        },
      ]);
    } else if (what < 98) model.toggle(id);
    else if (what < 99) {
      const lockedUpTo = model.state.version;
      model.environment = { ...model.environment, lockedUpTo };
    } else if (model.run({ command: "DestroyObject", id }).errno === null) ids[ids.indexOf(id)] = model.alloc();
    if (errno !== null) refused.set(errno, (refused.get(errno) ?? 0) + 1);
    model.forgetCopies();
    if (step % 3 === 0) check(model, step);
  }
  for (const errno of ["ENOMEM", "EEXIST", "ENOENT"]) assert.ok((refused.get(errno) ?? 0) > 50, errno);
});

test("unpins the pages of the MAP though it is forgotten whose they were, once the copy is gone", () => {
  const model = new Machine();
  const id = model.alloc();
  model.toggle(id);
  for (const isAskedBetween of [true, false]) {
    model.map(id, IOVA, PAGE);
    model.copy(id, id, IOVA, IOVA + 2n * PAGE, PAGE);
    const version = model.state.version;
    if (isAskedBetween) check(model, 0);
    model.unmap(id, IOVA + 2n * PAGE, PAGE);
    model.copies.delete(version);
    check(model, 1);
    model.unmap(id, IOVA, PAGE);
    check(model, 2);
    assert.is(pinLedgerOf(model.state, model.environment).chargedBytes, 0n);
  }
});

test("begins anew where it fell behind", () => {
  const model = new Machine();
  const id = model.alloc();
  model.toggle(id);
  check(model, 0);
  const event = (first: bigint) =>
    ({
      type: "IovaMapped",
      ioas: 0,
      iova: first,
      last: first + PAGE - 1n,
      prot: "rw",
      source: { kind: "va", va: VA },
    }) as never;
  for (let round = 0; round < 80; round++)
    model.fold(Array.from({ length: 1_000 }, (_, i) => event(IOVA + BigInt(i) * PAGE)));
  check(model, 1);
});

test.run();
