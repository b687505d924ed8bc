/** Tables and their snapshots beside a naive list, over addresses that are hard to keep apart. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { U64_MAX } from "./address.ts";
import { areaOf } from "./area.ts";
import type { AreaStore } from "./area-store.ts";
import { AreaTable } from "./area-table.ts";
import { EventBatch } from "./event-batch.ts";

interface Row {
  readonly first: bigint;
  readonly last: bigint;
  readonly va: bigint;
  readonly version: number;
}

/** What a table should do, one row after the other. */
class Naive {
  rows: Row[] = [];

  remove(first: bigint, last: bigint): bigint {
    let bytes = 0n;
    const kept: Row[] = [];
    for (const row of this.rows) {
      if (row.last < first || row.first > last) {
        kept.push(row);
        continue;
      }
      const [from, to] = [row.first > first ? row.first : first, row.last < last ? row.last : last];
      bytes += to - from + 1n;
      if (row.first < first) kept.push({ ...row, last: first - 1n });
      if (row.last > last)
        kept.push({ ...row, first: last + 1n, va: BigInt.asUintN(64, row.va + last + 1n - row.first) });
    }
    this.rows = kept;
    return bytes;
  }

  map(row: Row): void {
    this.remove(row.first, row.last);
    const at = this.rows.findIndex(({ first }) => first > row.first);
    this.rows.splice(at < 0 ? this.rows.length : at, 0, row);
  }

  copy(): Naive {
    const copy = new Naive();
    copy.rows = [...this.rows];
    return copy;
  }
}

interface Pair {
  readonly table: AreaTable;
  readonly naive: Naive;
}

function randomOf(start: number): (below: number) => number {
  let seed = start;
  return (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

type Random = (below: number) => number;

/** Round and round, whatever is drawn. */
function ascending(at: (step: number) => bigint): (random: Random) => bigint {
  let step = 0;
  return () => at(++step % 4_000);
}

/** Where areas begin, and how long they are at most. */
const PLACES: Readonly<Record<string, { readonly from: (random: Random) => bigint; readonly longest: number }>> = {
  "pages, dense": { from: (random) => BigInt(random(3_000)) << 12n, longest: 3 * 4_096 },
  "single bytes of a few pages": { from: (random) => 0x1000n + BigInt(random(6_000)), longest: 2 },
  "pages over 48 bits": {
    from: (random) => (BigInt(random(2 ** 20)) << 28n) + (BigInt(random(4)) << 12n),
    longest: 4_096,
  },
  "around 2^53": { from: (random) => (1n << 53n) - 2_000n + BigInt(random(4_000)), longest: 3 },
  "bytes of which thousands have the same double": {
    from: (random) => (1n << 63n) + 1_000n + BigInt(random(5_000)),
    longest: 2,
  },
  "the end of the space": { from: (random) => U64_MAX - BigInt(random(5_000)), longest: 3 },
  "one after the other, of which thousands have the same double": {
    from: ascending((at) => (1n << 63n) + BigInt(at)),
    longest: 1,
  },
  "one below the other, of which thousands have the same double": {
    from: ascending((at) => U64_MAX - BigInt(at)),
    longest: 1,
  },
  "one below the other": { from: ascending((at) => (1n << 32n) - (BigInt(at) << 12n)), longest: 4_096 },
  "around 2^32": { from: (random) => (1n << 32n) - 2_000n + BigInt(random(4_000)), longest: 5 },
  "all of these": {
    from: (random) => BigInt.asUintN(64, (BigInt(random(40)) << BigInt(random(64))) + BigInt(random(4)) - 1n),
    longest: 2 ** 31,
  },
};

const same = (table: AreaTable, { rows }: Naive, what: string): void => {
  assert.is(table.size, rows.length, what);
  let at = 0;
  table.forEach((iova, last, _traits, value, _fd, _runs, version) => {
    const { first, last: end, va, version: mapped } = rows[at++] as Row;
    if (iova !== first || last !== end || value !== va || version !== mapped)
      assert.unreachable(
        `${what}: row ${at - 1} is [${iova}, ${last}] of ${version}, not [${first}, ${end}] of ${mapped}`,
      );
  });
  assert.is(at, rows.length, what);
};

function agree(table: AreaTable, naive: Naive, first: bigint, last: bigint): void {
  const inside = naive.rows.filter((row) => row.first <= last && row.last >= first);
  assert.is(table.overlaps(first, last), inside.length > 0);
  const [only] = inside;
  assert.is(table.covers(first, last), only !== undefined && only.first <= first && only.last >= last);
  assert.equal(
    table.spans(first, last),
    inside.map((row) => ({ iova: row.first, last: row.last })),
  );
  assert.is(
    table.isCutBy(first, last),
    inside.some((row) => row.first < first || row.last > last),
  );
  assert.is(table.at(first)?.version ?? null, inside.find((row) => row.first <= first)?.version ?? null);
  assert.is(table.below(first)?.iova ?? null, naive.rows.findLast((row) => row.last < first)?.first ?? null);
  assert.is(table.above(last)?.iova ?? null, naive.rows.find((row) => row.first > last)?.first ?? null);
}

/** One map or unmap, folded as an event or done by a call. */
function step(table: AreaTable, naive: Naive, row: Row, kind: number): void {
  const { first, last, va, version } = row;
  const isMap = kind < 5;
  if (kind % 2 === 0) {
    const batch = new EventBatch(1, version, 1);
    const envelope = { stamp: null, actor: null, errno: null, line: 0 };
    const range = { ioas: 0, iova: first as never, last: last as never };
    if (isMap) batch.push({ type: "IovaMapped", ...range, prot: "rw", source: { kind: "va", va } }, envelope);
    else batch.push({ type: "IovaUnmapped", ...range, bytes: 1n as never }, envelope);
    table.fold(batch, 0, 1);
  } else {
    const bytes = table.remove(first, last);
    const expected = naive.copy().remove(first, last);
    assert.is(bytes, expected);
    if (isMap) table.insert(first, last, 7, va, -1, null, version);
  }
  if (isMap) naive.map(row);
  else naive.remove(first, last);
}

const test = suite("AreaTable beside a naive list");

for (const [place, { from, longest }] of Object.entries(PLACES))
  test(`${place}: tables and their snapshots hold what they should`, () => {
    const random = randomOf(place.length * 7_919);
    const pairs: Pair[] = [{ table: new AreaTable(), naive: new Naive() }];
    for (let version = 1; version <= 6_000; version++) {
      const { table, naive } = pairs[random(pairs.length)] as Pair;
      const taken = random(3) === 0 ? naive.rows[random(naive.rows.length)] : undefined;
      const start = taken?.first ?? from(random);
      const end = taken?.last ?? start + BigInt(random(longest));
      const row = { first: start, last: end > U64_MAX ? U64_MAX : end, va: start ^ 0xffff_0000n, version };
      step(table, naive, row, taken === undefined && version % 2_000 < 1_400 ? random(7) : 5 + random(2));
      if (version % 16 === 0) {
        const other = from(random);
        agree(table, naive, other < row.last ? other : row.last, other < row.last ? row.last : other);
      }
      // Some live long and some are gone soon.
      if (random(200) === 0) pairs.push({ table: table.snapshot(), naive: naive.copy() });
      if (pairs.length > 5) pairs.splice(random(5), 1);
      if (version % 500 === 0)
        for (const [i, pair] of pairs.entries()) same(pair.table, pair.naive, `${version}, ${i}`);
    }
    for (const pair of pairs) same(pair.table, pair.naive, "at the end");
  });

test("a watcher is told of all that comes and goes", () => {
  const random = randomOf(5);
  const table = new AreaTable();
  const seen = new Map<bigint, bigint>();
  const told = (store: AreaStore, row: number) => areaOf(store, row);
  table.watcher = {
    came: (store, row) => {
      const { iova, last } = told(store, row);
      assert.not(seen.has(iova));
      seen.set(iova, last);
    },
    gone: (store, row) => {
      const { iova, last } = told(store, row);
      assert.is(seen.get(iova), last);
      seen.delete(iova);
    },
  };
  const naive = new Naive();
  for (let version = 1; version <= 3_000; version++) {
    const first = BigInt(random(500)) << 12n;
    const last = first + (BigInt(1 + random(3)) << 12n) - 1n;
    step(table, naive, { first, last, va: 0n, version }, random(9));
  }
  assert.equal(
    [...seen].sort(([a], [b]) => (a < b ? -1 : 1)),
    naive.rows.map(({ first, last }) => [first, last]),
  );
  table.clear();
  assert.is(seen.size, 0);
});

test.run();
