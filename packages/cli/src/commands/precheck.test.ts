/** `layout`, `host` and `precheck` as they are run; the verdicts of docs/precheck.md. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runIn } from "../testing/command-line.ts";

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();

interface Verdict {
  readonly host: string;
  readonly fits: boolean;
  readonly conflicts: readonly { readonly rule: string; readonly severity: string; readonly remedy: string }[];
  readonly unknown: readonly string[];
}
interface Answer {
  readonly fits: boolean;
  readonly hosts: readonly Verdict[];
}
interface Failure {
  readonly error: { readonly code: string; readonly message: string };
}

const test = suite("layout, host, precheck");
const folder = mkdtempSync(path.join(tmpdir(), "ioasis-precheck-"));
const file = (name: string): string => path.join(folder, name);
const hostFile = (name: string): string => path.join(ROOT, "docs/hosts", `${name}.json`);
test.after(() => rmSync(folder, { recursive: true, force: true }));

const run = (...args: string[]) => runIn(folder, args);

const rows = readFileSync(path.join(ROOT, "docs/precheck.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| (guest |`--machine)/.test(line))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const [, ...hosts] = rows[0] ?? [];

test("docs/precheck.md has the guests and the hosts that it must", async () => {
  assert.is(hosts.length, 7);
  const guests = rows.slice(1).map(([guest]) => guest);
  for (const wanted of [
    "q35-9.2 --memory 8G`",
    "q35-7.0 --memory 1T --cpu-vendor amd`",
    "q35-7.1 --memory 1T --cpu-vendor amd`",
    "--cpu-vendor intel`",
    "virt-9.2 --memory 4G`",
  ])
    assert.ok(
      guests.some((guest) => guest?.endsWith(wanted)),
      wanted,
    );
});

for (const [guest = "", ...cells] of rows.slice(1))
  test(`${guest.slice(1, -1)}: the verdicts of docs/precheck.md`, async () => {
    const { status, out } = await run("layout", ...guest.slice(1, -1).split(" "), "--json");
    assert.is(status, 0);
    writeFileSync(file("guest.json"), out);
    const checked = await run("precheck", "--layout", file("guest.json"), "--host", ...hosts.map(hostFile), "--json");
    const answer = JSON.parse(checked.out) as Answer;
    assert.is(checked.status, answer.fits ? 0 : 1);
    assert.equal(
      answer.hosts.map(({ host }) => host),
      hosts,
    );
    for (const [i, { fits, conflicts, unknown, host }] of answer.hosts.entries()) {
      const refused = conflicts.filter(({ severity }) => severity === "refused").map(({ rule }) => rule.split(" ")[0]);
      const verdict = fits
        ? `fits${unknown.some((what) => what.startsWith("aperture")) ? ", width not told" : ""}`
        : [...new Set(refused)].sort(byNumber).join(" ");
      assert.is(verdict, cells[i], host);
      assert.ok(conflicts.every(({ remedy }) => remedy.length > 20));
    }
  });

function byNumber(a = "", b = ""): number {
  return Number(a.slice(1)) - Number(b.slice(1));
}

test("a recorded space is checked at any version", async () => {
  assert.is(
    (await run("import", path.join(ROOT, "tests/recordings/layout/qemu-q35-edu-64m.log.gz"), "--context", "vm")).status,
    0,
  );
  const whole = await run("precheck", "--at", "1000", "--host", hostFile("vtd-48"), "--json");
  assert.is(whole.status, 2, whole.out);
  const now = await run("precheck", "--context", "vm", "--host", hostFile("vtd-48"), hostFile("intel-rmrr"), "--json");
  assert.is(now.status, 1, now.err);
  const answer = JSON.parse(now.out) as Answer;
  assert.equal(
    answer.hosts.map(({ fits }) => fits),
    [true, false],
  );
  assert.match((await run("precheck", "--context", "vm", "--host", hostFile("intel-rmrr"))).out, /does not fit/);
});

test("a copy of /sys becomes a profile that precheck reads", async () => {
  const group = file("n7/sys/kernel/iommu_groups/5");
  mkdirSync(path.join(group, "devices"), { recursive: true });
  symlinkSync("../../../../devices/pci0000:00/0000:00:05.0", path.join(group, "devices/0000:00:05.0"));
  writeFileSync(path.join(group, "reserved_regions"), "0x00000000fee00000 0x00000000feefffff msi\n");
  const iommu = file("n7/sys/class/iommu/dmar0/intel-iommu");
  mkdirSync(iommu, { recursive: true });
  writeFileSync(path.join(iommu, "cap"), "d2008c22260286\n");
  writeFileSync(path.join(iommu, "ecap"), "f00f4a\n");
  const { status, out } = await run("host", "--sysfs", file("n7"), "--json");
  assert.is(status, 0);
  const profile = JSON.parse(out);
  assert.is(profile.host, "n7");
  assert.equal(profile.devices, [
    {
      bdf: "0000:00:05.0",
      group: 5,
      reserved: [{ range: ["0xfee00000", "0xfeefffff"], type: "msi" }],
      aperture: ["0x0", "0x7fffffffff"],
      pageSizes: "0x40201000",
      pasidBits: 0,
      dirtyTracking: false,
    },
  ]);
  assert.match((await run("host", "--sysfs", file("n7"))).out, /0000:00:05\.0 +5 +0x0-0x7fffffffff/);
  writeFileSync(file("n7.json"), out);
  writeFileSync(
    file("big.json"),
    (await run("layout", "--machine", "q35-9.2", "--memory", "1T", "--cpu-vendor", "intel", "--json")).out,
  );
  assert.is((await run("precheck", "--layout", file("big.json"), "--host", file("n7.json"))).status, 1);
});

test("bad input is exit code 2 and one line that says what to do", async () => {
  writeFileSync(file("empty.json"), '{"host":"n8","devices":[]}');
  writeFileSync(file("broken.json"), '{"host":"n9",\n"devices":[}\n');
  mkdirSync(file("nothing"), { recursive: true });
  const guest = ["--layout", file("big.json")];
  const cases: readonly (readonly [readonly string[], string, RegExp])[] = [
    [["layout", "--machine", "q35-9.9", "--memory", "1G"], "ERR_USAGE", /no version "9.9"/],
    [["layout", "--machine", "q35", "--memory", "0"], "ERR_USAGE", /no memory/],
    [["layout", "--machine", "q35", "--memory", "1G", "--maxmem", "512M"], "ERR_USAGE", /less than/],
    [["layout", "--machine", "q35"], "ERR_USAGE", /--memory/],
    [["layout", "--machine", "q35", "--memory", "1G", "--slots", "x"], "ERR_USAGE", /whole number/],
    [["layout", "--qemu-args", "-m 1G"], "ERR_USAGE", /names no machine/],
    [["host", "--sysfs", file("nothing")], "ERR_INPUT", /no sysfs/],
    [["host", "--sysfs", file("absent")], "ERR_INPUT", /no such file/],
    [["precheck", ...guest, "--host", file("empty.json")], "ERR_INPUT", /n8 has no devices/],
    [["precheck", ...guest, "--host", file("broken.json")], "ERR_INPUT", /broken\.json: (line 2: )?not JSON/],
    [["precheck", ...guest, "--host", file("big.json")], "ERR_INPUT", /"host" is not a name/],
    [["precheck", "--layout", hostFile("amd"), "--host", hostFile("amd")], "ERR_INPUT", /not a layout/],
    [["precheck", ...guest, "--at", "3", "--host", hostFile("amd")], "ERR_USAGE", /give one of them/],
    [["precheck", "--host", hostFile("amd")], "ERR_USAGE", /what is to be checked/],
    [["precheck", ...guest, "--host", hostFile("amd"), "--host-device", "x"], "ERR_INPUT", /no device x/],
  ];
  for (const [args, code, about] of cases) {
    const { status, out, err } = await run(...args, "--json");
    assert.is(status, 2, `${args.join(" ")}: ${err}`);
    const { error } = JSON.parse(out) as Failure;
    assert.is(error.code, code);
    assert.match(error.message, about);
    assert.match(err, /^ioasis: .*\(ERR_\w+\)\n$/);
  }
});

test.run();
