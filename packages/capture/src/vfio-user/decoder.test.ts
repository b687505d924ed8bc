/** What SPDK and libvfio-user logged of the regions that a client gave them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countsOf, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { looksLikeVfioUser, vfioUserDecoder } from "./decoder.ts";

const test = suite("vfio-user log");

const RECORDINGS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  "spdk-vfio-user-757.txt": { "/var/run/ IovaUnmapped": 3, "/var/run/ IovaMapped": 1 },
  "spdk-vfio-user-overlap-463.txt": { "/var/tmp IovaMapped": 2, "/var/tmp MapRefused EINVAL": 1 },
  "libvfio-user-oldformat-360.txt": {
    "/var/run/muser/domain/muser0/8 IovaUnmapped": 1,
    "/var/run/muser/domain/muser0/8 UnmapRefused ENOENT": 1,
    "gpio IovaMapped": 3,
    "gpio IovaUnmapped": 2,
  },
};

for (const [file, expected] of Object.entries(RECORDINGS)) {
  test(file, () => {
    const lines = linesOf(`tests/recordings/vfio-user/${file}`);
    const { facts, problems } = decode(vfioUserDecoder(), lines);
    assert.equal(problems, []);
    assert.equal(countsOf(facts), expected);
    assert.ok(lines.every(looksLikeVfioUser));
    for (const length of prefixLengths(lines.length))
      assert.ok(written(facts).startsWith(written(decode(vfioUserDecoder(), lines.slice(0, length), false).facts)));
  });
}

test("ends are exclusive in brackets, inclusive without", () => {
  const of = (file: string) => decode(vfioUserDecoder(), linesOf(`tests/recordings/vfio-user/${file}`)).facts;
  assert.equal(of("spdk-vfio-user-757.txt")[0], {
    context: "/var/run/",
    profile: "vfio-user",
    event: { type: "IovaUnmapped", ioas: null, iova: 0xc0000n, last: 0xcffffn, bytes: 0x10000n },
    errno: null,
    stamp: { clock: "localtime", ticks: 1_693_333_340_784_843n, decimals: 6 },
    actor: null,
    line: 1,
  });
  const added = of("libvfio-user-oldformat-360.txt").find(({ event }) => event.type === "IovaMapped")?.event;
  const range = { iova: 0xfda00000n, last: 0xfda3ffffn } as const;
  assert.equal(added, { type: "IovaMapped", ioas: null, ...range, prot: "r", source: { kind: "unknown" } });
});

test("the overlapping region is refused at the line that says so, and where the other lies is told", () => {
  const { facts } = decode(vfioUserDecoder(), linesOf("tests/recordings/vfio-user/spdk-vfio-user-overlap-463.txt"));
  assert.equal(facts[2]?.line, 7);
  const source = { kind: "va", va: 0x7f269d4c0000n } as const;
  const range = { iova: 0xc0000n, last: 0xc0fffn } as const;
  assert.equal(facts[1]?.event, { type: "IovaMapped", ioas: null, ...range, prot: "r", source });
});

test("devices do not settle each other's requests; everything can go at once", () => {
  const { facts, problems } = decode(vfioUserDecoder(), [
    "a: adding DMA region [0x0, 0x1000) offset=0 flags=0x3",
    "b: adding DMA region [0x0, 0x1000) offset=0 flags=0x1",
    "a: failed to add DMA region [0x0, 0x1000) offset=0 flags=0x3: Cannot allocate memory",
    "b: removing DMA region [0, 0) flags=0x2",
    "vfio_user.c: 1:f: *NOTICE*: b: device quiesced",
    "a: adding DMA region [broken",
    "good morning",
  ]);
  assert.equal(countsOf(facts), { "a MapRefused ENOMEM": 1, "b IovaMapped": 1, "b IovaUnmapped": 1 });
  const all = { type: "IovaUnmapped", ioas: null, iova: 0n, last: 0xffffffffffffffffn, bytes: 0x1000n };
  assert.equal(facts[2]?.event, all);
  assert.equal(
    problems.map((problem) => Number.parseInt(problem, 10)),
    [6, 7],
  );
});

test.run();
