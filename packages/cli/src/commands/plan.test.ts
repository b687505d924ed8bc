/** `plan` as it is run, and the example of docs/plan.md. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runIn } from "../testing/command-line.ts";

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const test = suite("plan, the command");
const folder = mkdtempSync(path.join(tmpdir(), "ioasis-plan-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const hostFile = (name: string): string => path.join(ROOT, "docs/hosts", `${name}.json`);

const run = (...args: string[]) => runIn(folder, args);

async function imported(file: string, context: string): Promise<void> {
  const { status, err } = await run("import", path.join(ROOT, "tests/recordings", file), "--context", context);
  assert.is(status, 0, err);
}

test("docs/plan.md shows what is printed", async () => {
  await imported("qemu/qemu-q35-edu-64m.log", "vm");
  const { status, out, err } = await run("plan", "--context", "vm", "--json");
  assert.is(status, 0, err);
  const [, example] = /```json\n([\s\S]*?)```/.exec(readFileSync(path.join(ROOT, "docs/plan.md"), "utf8")) ?? [];
  assert.is(out, example);
  assert.match(err, /mappings: are of user memory/);
});

test("for people it is a table with the calls that take them back", async () => {
  const { out } = await run("plan", "--context", "vm");
  assert.match(out, /1 +IOMMU_IOAS_ALLOC +ioas=ioas0 +IOMMU_DESTROY/);
  assert.match(out, /IOMMU_IOAS_MAP +ioas=ioas0 iova=0x0 last=0x\w+ prot=rw source=va:0x\w+ +IOMMU_IOAS_UNMAP/);
});

test("a host that does not fit gets no plan, but its conflicts", async () => {
  const fits = await run("plan", "--context", "vm", "--for", hostFile("vtd-48"), "--json");
  assert.is(fits.status, 0, fits.err);
  assert.match(fits.out, /^\{"call":"IOMMU_IOAS_ALLOC"/);
  assert.match(fits.err, /those of iommufd, because the context's profile is iommufd/);
  const refused = await run("plan", "--context", "vm", "--for", hostFile("intel-rmrr"), "--json");
  assert.is(refused.status, 1);
  assert.is((JSON.parse(refused.out) as { readonly fits: boolean }).fits, false);
  assert.match((await run("plan", "--context", "vm", "--for", hostFile("intel-rmrr"))).out, /does not fit/);
});

test("--same-host names each mapping that is of no file", async () => {
  const { status, out } = await run("plan", "--context", "vm", "--same-host", "--json");
  assert.is(status, 1);
  const answer = JSON.parse(out) as {
    readonly possible: boolean;
    mappings: number;
    unfiled: unknown[];
    calls: unknown[];
  };
  assert.is(answer.possible, false);
  assert.is(answer.unfiled.length, answer.mappings);
  assert.equal(answer.calls, []);
  await imported("conform/k73/only73/change-process.jsonl.gz", "files");
  const whole = await run("plan", "--context", "files", "--at", "7", "--same-host", "--json");
  assert.is(whole.status, 0, whole.out);
  const { mappings, calls } = JSON.parse(whole.out) as { readonly mappings: number; readonly calls: unknown };
  assert.is(mappings, 1);
  assert.equal(calls, [{ call: "IOMMU_IOAS_CHANGE_PROCESS" }]);
  // The real kernel refused the call here, with EINVAL.
  assert.is((await run("plan", "--context", "files", "--at", "4", "--same-host")).status, 1);
});

test("wrong usage is exit code 2 and says what to do", async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["--same-host", "--for", hostFile("amd")], /another host, or the same/],
    [["--same-host", "--ioas", "ioas0"], /leave --ioas and --device out/],
    [["--host-device", "x"], /give that too/],
    [["--at", "99999"], /99999/],
    [["--for", path.join(folder, "absent")], /absent/],
  ];
  for (const [args, about] of cases) {
    const { status, err } = await run("plan", "--context", "vm", ...args);
    assert.is(status, 2, args.join(" "));
    assert.match(err, about);
  }
});

test.run();
