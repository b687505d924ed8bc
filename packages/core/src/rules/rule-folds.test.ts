/** Folds on histories of a few events, where each source, window and clock counts. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Iova } from "../address.ts";
import type { Actor } from "../events.ts";
import type { Source } from "../source.ts";
import { allocated, attached, detached, mapped, refused, unmapped } from "./testing/events.ts";
import { judged, type Step } from "./testing/judged.ts";

const test = suite("rule folds");
const PAGE = 0x1000;
const BOTH = [allocated(0), allocated(1)];
const actor = (pid: number): Actor => ({ comm: "vmm", pid, tid: null, cpu: null, flags: null });

const va = (at: bigint): Source => ({ kind: "va", va: at });
const copy = (at: bigint): Source => ({ kind: "copy", va: at, writable: true });
const dmabuf = (fd: number, start: bigint): Source => ({ kind: "dmabuf", fd, start });
const file = (fd: number, start: bigint): Source => ({ kind: "file", fd, start });
const run = (iova: number, paddr: bigint, bytes: number) => ({
  iova: BigInt(iova) as Iova,
  paddr,
  length: BigInt(bytes),
});

/** The first is mapped at 0x1000 in ioas0, then the second at 0x8000 in ioas1, two pages each. */
const ALIASES: readonly (readonly [title: string, first: Source, second: Source, detail: RegExp | null])[] = [
  [
    "a user address",
    va(0x7000n),
    va(0x8000n),
    /0x8000-0x8fff of ioas1 maps va of pid 1 0x8000-0x8fff, which 0x2000-0x2fff of ioas0/,
  ],
  ["user addresses that touch", va(0x7000n), va(0x9000n), null],
  ["a copy of a user address", va(0x7000n), copy(0x7000n), /maps va of pid 1 0x7000-0x8fff/],
  ["two copies", copy(0x7000n), copy(0x8fffn), /0x8fff-0x8fff/],
  ["a dmabuf", dmabuf(5, 0n), dmabuf(5, 0x1000n), /dmabuf fd 5 of pid 1 0x1000-0x1fff/],
  ["two dmabufs", dmabuf(5, 0n), dmabuf(6, 0n), null],
  ["a dmabuf and a file of one number", dmabuf(5, 0n), file(5, 0n), null],
  [
    "a physical run within a mapping",
    { kind: "paddr", paddr: 0x10000n, runs: [run(0x1000, 0x10000n, PAGE), run(0x2000, 0x50000n, PAGE)] },
    { kind: "paddr", paddr: 0x50000n },
    /0x8000-0x8fff of ioas1 maps paddr 0x50000-0x50fff, which 0x2000-0x2fff of ioas0/,
  ],
  [
    "between physical runs",
    { kind: "paddr", paddr: 0x10000n, runs: [run(0x1000, 0x10000n, PAGE), run(0x2000, 0x50000n, PAGE)] },
    { kind: "paddr", paddr: 0x11000n },
    null,
  ],
  [
    "runs beside user addresses that differ",
    { ...va(0x7000n), runs: [run(0x1000, 0x10000n, 2 * PAGE)] },
    { ...va(0x90000n), runs: [run(0x8000, 0x30000n, PAGE), run(0x9000, 0x11000n, PAGE)] },
    /0x9000-0x9fff of ioas1 maps paddr 0x11000-0x11fff, which 0x2000-0x2fff of ioas0/,
  ],
];

for (const [title, first, second, detail] of ALIASES)
  test(`alias: ${title}`, () => {
    const { found, details, notes } = judged("a: forbid alias across spaces", [
      ...BOTH,
      mapped(0, 0x1000, 2 * PAGE, first, { actor: actor(1) }),
      mapped(1, 0x8000, 2 * PAGE, second, { actor: actor(1) }),
    ]);
    assert.equal(found, detail === null ? [] : ["4 a"]);
    if (detail !== null) assert.match(details[0] as string, detail);
    assert.equal(notes, []);
  });

test("alias: one address of two processes is two sources", () => {
  const steps = [1, 2].map((pid) => mapped(pid - 1, 0, PAGE, va(0x7000n), { actor: actor(pid) }));
  assert.equal(judged("a: forbid alias across spaces", [...BOTH, ...steps]).found, []);
});

test("alias: a run that was unmapped is gone, its neighbour is not", () => {
  const runs = [run(0x1000, 0x10000n, PAGE), run(0x2000, 0x50000n, PAGE)];
  const steps = [
    ...BOTH,
    mapped(0, 0x1000, 2 * PAGE, { kind: "paddr", paddr: 0x10000n, runs }),
    unmapped(0, 0x2000, PAGE),
    mapped(1, 0x8000, PAGE, { kind: "paddr", paddr: 0x50000n }),
    mapped(1, 0x9000, PAGE, { kind: "paddr", paddr: 0x10000n }),
  ];
  assert.equal(judged("a: forbid alias across spaces", steps).found, ["6 a"]);
});

test("alias: thousands of mappings that come and go over one page", () => {
  const steps: Step[] = [...BOTH];
  for (let round = 0; round < 6_000; round++)
    steps.push(mapped(round % 2, 0x1000, PAGE, va(0x7000n)), unmapped(round % 2, 0x1000, PAGE));
  steps.push(mapped(0, 0x1000, PAGE, va(0x7000n)), mapped(1, 0x5000, PAGE, va(0x7000n)));
  assert.equal(judged("a: forbid alias across spaces", steps).found, [`${steps.length} a`]);
});

test("a device that comes to a space brings the rules on what it has with it", () => {
  const rules =
    "alias: forbid alias across spaces where device = d\nmappings: limit mappings 1 where device = d\n" +
    "bytes: limit bytes 4 KiB where device = d\nalways: limit mappings 1";
  const steps: Step[] = [
    ...BOTH,
    mapped(0, 0x1000, 3 * PAGE, va(0x7000n)),
    unmapped(0, 0x2000, PAGE),
    mapped(1, 0x5000, PAGE, va(0x8000n)),
    attached("other", 0),
    attached("d", 0, 1),
    mapped(1, 0x6000, PAGE, va(0x9000n)),
    attached("d", 0, 2),
    attached("d", 1),
    unmapped(0, 0x1000, PAGE),
    mapped(0, 0x1000, PAGE, va(0x40000n)),
  ];
  const { found, details } = judged(rules, steps);
  assert.equal(found, [
    "4 always",
    "7 mappings",
    "7 bytes",
    "8 always",
    "9 alias",
    "10 alias",
    "10 mappings",
    "10 bytes",
    "12 mappings",
    "12 bytes",
    "12 always",
  ]);
  assert.match(details[1] as string, /^d was attached to ioas0, which has 2 mappings: the limit is 1/);
  assert.match(
    details[4] as string,
    /^d was attached to ioas0: 0x3000-0x3fff of ioas0 \(other, d\) maps va 0x9000-0x9fff, which 0x6000-0x6fff of ioas1 maps/,
  );
});

test("a removed window takes its mappings along", () => {
  const window = { ioas: 0, iova: 0n as Iova, last: 0xffffn as Iova };
  const steps: Step[] = [
    ...BOTH,
    { event: { type: "WindowCreated", ...window, pageSize: 0x1000n } },
    mapped(0, 0x1000, PAGE, va(0x7000n)),
    mapped(0, 0x3000, PAGE, va(0x9000n)),
    { event: { type: "WindowRemoved", ...window } },
    mapped(1, 0x1000, PAGE, va(0x7000n)),
    mapped(0, 0x1fff, 2, va(0x20000n)),
    mapped(0, 0x5000, PAGE, va(0x30000n)),
  ];
  const rules =
    "alias: forbid alias across spaces\nreuse: forbid reuse within 5 s\ntwo: limit mappings 2\nfew: limit mappings 1\nbytes: limit bytes 8191 B\nage: limit age 4 s";
  assert.equal(judged(rules, steps).found, ["5 few", "5 bytes", "8 reuse", "9 few"]);
});

test("refusals in a time: the oldest leave, a violation starts anew, another clock does too", () => {
  const at = (...times: readonly number[]): Step[] => times.map((time) => refused({ at: time }));
  const rule = "r: limit refusals 2 in 10 s";
  assert.equal(judged(rule, at(0, 5, 10)).found, ["3 r"]);
  assert.equal(judged(rule, at(0, 5, 11)).found, []);
  assert.equal(judged(rule, at(0, 5, 11, 12, 13)).found, ["4 r"]);
  assert.equal(judged(rule, at(0, 1, 2, 3, 4, 5)).found, ["3 r", "6 r"]);
  assert.equal(judged(rule, [...at(0, 1), refused({ at: 2, clock: "u" }), ...at(3, 4, 5)]).found, ["6 r"]);
  // A clock that goes back stands still.
  assert.equal(judged(rule, at(0, 9, 3, 12)).found, ["3 r"]);
  assert.equal(judged(rule, [refused({ at: null })]).notes, ["r: some refusals have no time"]);
});

const D = "0000:01:00.0";
/** Attach and detach times of the device in each context, and what is told there. */
const STAYS: readonly (readonly [
  title: string,
  contexts: readonly (readonly Step[])[],
  found: readonly string[],
  notes: readonly RegExp[],
])[] = [
  ["one after the other", [stay(1, 2), stay(3, 4)], [], []],
  ["the second begins when the first ends", [stay(1, 3), stay(3, 4)], ["1 r"], []],
  ["one within the other, in either order of contexts", [stay(5, 6), stay(1, 9)], ["1 r"], []],
  [
    "each stay that comes second, once",
    [[...stay(1, 3), ...stay(5, 7)], stay(2, 6), stay(2, 6)],
    ["1 r", "1 r", "3 r"],
    [],
  ],
  ["a long stay is found behind shorter ones", [stay(1, 90), [...stay(2, 3), ...stay(80, 81)]], ["1 r", "3 r"], []],
  ["again and again in one context", [[...stay(1, 3), ...stay(2, 4)]], [], []],
  ["until the end of a recording", [[attached(D, 0, null, { at: 1 }), refused({ at: 9 })], stay(8, 20)], ["1 r"], []],
  ["two clocks", [stay(1, 3), stay(1, 3, "u")], [], [/no clock says whether 0000:01:00\.0 was in c0 at the same time/]],
  ["no clock", [stay(null, null), stay(1, 3)], [], [/no clock says/]],
];

function stay(from: number | null, to: number | null, clock = "t"): Step[] {
  return [attached(D, 0, null, { at: from, clock }), detached(D, null, { at: to, clock })];
}

for (const [title, contexts, expected, notes] of STAYS)
  test(`device in two contexts: ${title}`, () => {
    const told = judged("r: forbid device in two contexts", ...contexts);
    assert.equal([...told.found].sort(), [...expected].sort());
    assert.is(told.notes.length, notes.length, told.notes.join("\n"));
    for (const [i, pattern] of notes.entries()) assert.match(told.notes[i] as string, pattern);
  });

test.run();
