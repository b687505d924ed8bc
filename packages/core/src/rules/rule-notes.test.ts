/** What a recording does not show is said, and is no violation. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allocated, attached, found, lost, mapped, reserved, unreserved } from "./testing/events.ts";
import { judged, type Step } from "./testing/judged.ts";

const test = suite("rule notes");
const PAGE = 0x1000;
const map = (ioas: number): Step => mapped(ioas, PAGE, PAGE, { kind: "gpa", gpa: 0x5000n });

const CASES: readonly (readonly [title: string, rules: string, steps: readonly Step[], notes: readonly RegExp[]])[] = [
  [
    "a space that was there before",
    "limit mappings 9",
    [found(0), map(0)],
    [/what ioas0 had mapped before the recording began is not told/],
  ],
  ["the same for bytes", "limit bytes 9 MiB", [found(0), map(0)], [/what ioas0 had mapped before/]],
  [
    "the same for aliases",
    "forbid alias across spaces",
    [found(0), allocated(1), map(1)],
    [/what ioas0 had mapped before/],
  ],
  ["the same for ages", "limit age 9 h", [found(0), found(1), map(0)], [/what ioas0, ioas1 had mapped before/]],
  [
    "only the spaces that the rule is about",
    "limit mappings 9 where ioas = ioas1",
    [found(0), found(1)],
    [/what ioas1 had/],
  ],
  ["not those that it is not about", "limit mappings 9 except ioas = ioas0", [found(0), map(0)], []],
  ["a space of which all is known", "limit mappings 9", [allocated(0), map(0)], []],
  [
    "an attach finds what was mapped before",
    "forbid map in 0-1 where device = d",
    [found(0), attached("d", 0)],
    [/what ioas0 had mapped/],
  ],
  ["a map is judged when it is made", "forbid map in 0-1", [found(0), map(0)], []],
  [
    "a range that is never reserved",
    "require reserved 0x1-0x2",
    [allocated(0)],
    [/never shows 0x1-0x2 reserved in ioas0/],
  ],
  [
    "many spaces",
    "require reserved 0x1-0x2",
    [0, 1, 2, 3, 4, 5].map((ioas) => allocated(ioas)),
    [/in ioas0, ioas1, ioas2, ioas3 and 2 more/],
  ],
  [
    "a range that is reserved in part",
    "require reserved 0x1-0x9",
    [allocated(0), reserved(0, 1, 8)],
    [/never shows 0x1-0x9 reserved/],
  ],
  [
    "a range that two owners reserve",
    "require reserved 0x1-0x9",
    [allocated(0), reserved(0, 1, 8), reserved(0, 5, 9)],
    [],
  ],
  [
    "lost events, and a space that is no longer known",
    "forbid fault\nlimit mappings 9",
    [allocated(0), lost(), map(0)],
    [
      /^\*: events were lost before version 2: .* may rest on mappings/,
      /limit mappings 9: what ioas0 had mapped before .* or while events were lost/,
    ],
  ],
  ["events lost twice", "forbid fault", [lost(), lost()], [/lost 2 times, at last before version 2/]],
];

for (const [title, rules, steps, expected] of CASES)
  test(title, () => {
    const { found: violations, notes } = judged(rules, steps);
    assert.equal(violations, []);
    assert.is(notes.length, expected.length, notes.join("\n"));
    for (const [i, pattern] of expected.entries()) assert.match(notes[i] as string, pattern);
  });

test("a reservation that was seen and given up is a violation, whatever others lack", () => {
  const { found: violations, notes } = judged("r: require reserved 0x1-0x2", [
    allocated(0),
    allocated(1),
    reserved(0, 0, 9),
    unreserved(0),
  ]);
  assert.equal(violations, ["4 r"]);
  assert.equal(notes, ["r: the recording never shows 0x1-0x2 reserved in ioas1"]);
});

test.run();
