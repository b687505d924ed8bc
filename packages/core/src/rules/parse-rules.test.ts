import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Iova } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { layoutRanges } from "./layout-ranges.ts";
import { layoutFilesOf, parseRules } from "./parse-rules.ts";

const test = suite("parse-rules");

function failure(text: string): string {
  try {
    parseRules(text);
  } catch (error) {
    if (error instanceof IoasisError) return `${error.code} ${error.message}`;
    throw error;
  }
  return "no failure";
}

const DEMANDS: readonly (readonly [line: string, demand: object])[] = [
  ["forbid map", { kind: "map", access: "any", ranges: [] }],
  [
    "forbid writable map in 0xfee00000-0xfeefffff, 0x1000+0x1000",
    {
      kind: "map",
      access: "writable",
      ranges: [
        { first: 0xfee00000n, last: 0xfeefffffn },
        { first: 0x1000n, last: 0x1fffn },
      ],
    },
  ],
  ["forbid readable map in 4096", { kind: "map", access: "readable", ranges: [{ first: 4096n, last: 4096n }] }],
  ["allow map in 0-0xffff", { kind: "map-outside", ranges: [{ first: 0n, last: 0xffffn }] }],
  ['allow map by qemu*, "CPU 0/KVM"', { kind: "map-by-others", actors: ["qemu*", "CPU 0/KVM"] }],
  ["allow device 0000:00:05.0, 0000:01:*", { kind: "device-outside", devices: ["0000:00:05.0", "0000:01:*"] }],
  ["forbid alias across spaces", { kind: "alias" }],
  ["forbid device in two contexts", { kind: "device-in-two", what: "contexts" }],
  ["forbid device in two spaces", { kind: "device-in-two", what: "spaces" }],
  ["forbid fault", { kind: "fault" }],
  ["forbid refusal with EINVAL", { kind: "refusals", limit: 0n, window: null, errnos: ["EINVAL"] }],
  ["forbid reuse within 10 ms", { kind: "reuse", within: 10_000_000n }],
  ["limit age 1.5h", { kind: "age", limit: 5_400_000_000_000n }],
  ["limit mappings 65535", { kind: "mappings", limit: 65535n }],
  ["limit bytes 64 GiB", { kind: "bytes", limit: 64n << 30n }],
  ["limit refusals 5 in 10 s", { kind: "refusals", limit: 5n, window: 10_000_000_000n, errnos: [] }],
  ["require unmap before destroy", { kind: "unmap-before", what: "destroy" }],
  ["require unmap before detach", { kind: "unmap-before", what: "detach" }],
  ["require reserved 0xfee00000-0xfeefffff", { kind: "reserved", ranges: [{ first: 0xfee00000n, last: 0xfeefffffn }] }],
];

for (const [line, demand] of DEMANDS)
  test(line, () => {
    const [rule] = parseRules(line);
    assert.equal(rule, { name: line, line: 1, demand, where: [], except: [] });
  });

test("names, comments, conditions and defined ranges", () => {
  const [rule] = parseRules(
    "# windows\r\nrange msi = 0xfee00000+0x100000\r\n\r\nno-msi: forbid map in msi where device = 05:00.0, 06:* and ioas = ioas1 except actor = qemu # boot",
  );
  assert.equal(rule, {
    name: "no-msi",
    line: 4,
    demand: { kind: "map", access: "any", ranges: [{ first: 0xfee00000n, last: 0xfeefffffn }] },
    where: [
      { field: "device", values: ["05:00.0", "06:*"] },
      { field: "ioas", values: ["ioas1"] },
    ],
    except: [{ field: "actor", values: ["qemu"] }],
  });
});

const MISTAKES: readonly (readonly [text: string, message: RegExp])[] = [
  ["", /line 1, column 1: the file has no rule/],
  ["forbit map", /line 1, column 1: expected forbid, .*, found "forbit": did you mean "forbid"\?/],
  ["\nx: forbid writeable map", /line 2, column 11: .*did you mean "writable"\?/],
  ["forbid map in", /line 1, column 14: expected a range .* found the end of the line/],
  ["range msi = 1-2\nforbid map in mis", /line 2, column 15: .*did you mean "msi"\?/],
  ["forbid map in 0x2000-0x1000", /column 15: expected a range that does not end before it begins/],
  ["forbid map in 0xffffffffffffffff+2", /column 15: expected a range that ends at 0xffffffffffffffff/],
  ["forbid map in 0x1000+0", /column 15: expected a range that does not end before it begins/],
  ["forbid fault wher device = x", /column 14: .*did you mean "where"\?/],
  ["forbid fault where devise = x", /column 20: .*did you mean "device"\?/],
  ["forbid fault where device x", /column 27: expected =/],
  ["forbid fault where device =", /column 28: expected the device, found the end/],
  ["forbid refusal with EINVALL", /column 21: .*did you mean "EINVAL"\?/],
  ["limit age 10", /column 13: expected a unit: ns, us/],
  ["limit age 10 sec", /column 14: expected a unit/],
  ["limit bytes 10 gib", /column 16: .*did you mean "GiB"\?/],
  ["limit mappings many", /column 16: expected a number of mappings/],
  ["forbid alias accross spaces", /column 14: .*did you mean "across"\?/],
  ["a: forbid fault\na: forbid map", /line 2, column 1: "a" is the rule of line 1: give this one another name/],
  ["range layout = 1-2", /a name that begins with a letter and is not layout/],
  ["allow map in layout", /column 20: expected the file of a layout, found the end/],
  ["limit refusals 1000001 in 1 s", /column 16: expected a number of refusals up to 1000000/],
  ["a:", /line 1, column 3: expected forbid/],
];

for (const [text, message] of MISTAKES)
  test(`mistake: ${JSON.stringify(text)}`, () => {
    assert.match(failure(text), message);
    assert.match(failure(text), /^ERR_INPUT /);
  });

test("ranges of a layout: of the files that are named, as written", () => {
  const text =
    'range guest = layout "my layout.json", 0x9000+1\nallow map in guest\nforbid map in layout b.json, 0x1\nforbid map in layout b.json';
  assert.equal(layoutFilesOf(text), [
    { file: "my layout.json", line: 1 },
    { file: "b.json", line: 3 },
  ]);
  const range = (first: bigint, last: bigint) => ({ first: first as Iova, last: last as Iova });
  const layouts = new Map([
    ["my layout.json", [range(0n, 0xfffn)]],
    ["b.json", [range(2n, 3n), range(5n, 6n)]],
  ]);
  assert.equal(
    parseRules(text, layouts).map(({ demand }) => ("ranges" in demand ? demand.ranges : null)),
    [
      [range(0n, 0xfffn), range(0x9000n, 0x9000n)],
      [range(2n, 3n), range(5n, 6n), range(1n, 1n)],
      [range(2n, 3n), range(5n, 6n)],
    ],
  );
  assert.throws(() => parseRules(text), /line 1: the layout my layout\.json was not read/);
});

test("what a layout lets its guest map", () => {
  const range = { iova: "0x0", last: "0xffff", kind: "ram", name: "ram" };
  const reserved = { range: ["0x8000", "0x8fff"], type: "msi", name: "msi" };
  const json = { machine: "virt", ranges: [range], reserved: [reserved], viommu: null };
  assert.equal(layoutRanges(json), [
    { first: 0n, last: 0x7fffn },
    { first: 0x9000n, last: 0xffffn },
  ]);
  assert.throws(() => layoutRanges({ ...json, ranges: [] }), /no range that may be mapped/);
  assert.throws(() => layoutRanges({ ...json, machine: "toaster" }), /not a layout/);
});

test("limits on the file", () => {
  assert.match(failure("#".repeat(1_000_001)), /^ERR_LIMIT /);
  assert.match(failure(Array.from({ length: 1_001 }, (_, line) => `r${line}: forbid fault`).join("\n")), /^ERR_LIMIT /);
});

test.run();
