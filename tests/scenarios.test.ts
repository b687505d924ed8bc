/** The scenarios of docs/scenarios, through the command line: what is sent gives what they say. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CLI, ROOT, Workbench } from "./ioasis.ts";

const FOLDER = path.join(ROOT, "docs/scenarios");
const STEPS_MIN = 8;
const SCENARIOS = [
  "attach-base-spapr.jsonl",
  "attach-base.jsonl",
  "fixed.jsonl",
  "host-derived.jsonl",
  "kernel-managed.jsonl",
  "two-addresses.jsonl",
  "type1-fixed.jsonl",
];

type Json = Readonly<Record<string, unknown>>;

/** A line has `create`, `guest`, `say`, or `send` with `gives`. */
interface Line {
  readonly create?: string;
  readonly guest?: unknown;
  readonly send?: Json;
  readonly gives?: Json;
}

const test = suite("scenarios");
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".jsonl"));

function linesOf(file: string): { readonly line: Line; readonly at: string }[] {
  return readFileSync(path.join(FOLDER, file), "utf8")
    .trimEnd()
    .split("\n")
    .map((text, i) => ({ line: JSON.parse(text) as Line, at: `${file} line ${i + 1}` }));
}

/** As somebody types it at the top of a checkout, where `ioasis` is the command line under test. */
function shell(bench: Workbench, script: string): string {
  const bin = path.join(bench.folder, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, "ioasis"), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`, { mode: 0o755 });
  const env = { ...process.env, HOME: bench.folder, IOASIS_DB: bench.db, PATH: `${bin}:${process.env["PATH"]}` };
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { cwd: ROOT, encoding: "utf8", env });
  assert.is(status, 0, `${script}: ${stderr}`);
  return stdout;
}

/** What of an outcome a scenario speaks of. */
function partOf(outcome: Json, { errno, ...gives }: Json): Json {
  return { errno: outcome["errno"], ...Object.fromEntries(Object.keys(gives).map((field) => [field, outcome[field]])) };
}

test("there is one for each policy, for type1 under one, and for each of the two addresses", () => {
  assert.equal(files.sort(), SCENARIOS);
});

for (const file of files)
  test(file, () => {
    const bench = new Workbench();
    try {
      const lines = linesOf(file);
      const created = JSON.parse(shell(bench, `${lines[0]?.line.create} --json`)) as Json;
      const steps = lines.filter(({ line }) => line.send !== undefined);
      assert.ok(steps.length >= STEPS_MIN, `${file} has only ${steps.length} steps`);
      const commands = path.join(bench.folder, "commands.jsonl");
      writeFileSync(commands, steps.map(({ line }) => `${JSON.stringify(line.send)}\n`).join(""));
      const outcomes = bench.lines<Json>("apply", String(created["context"]), commands);
      assert.is(outcomes.length, steps.length);
      for (const [i, { line, at }] of steps.entries())
        assert.equal(partOf(outcomes[i] ?? {}, line.gives ?? {}), line.gives, at);
      for (const { line, at } of lines) if ("guest" in line) assert.equal(created["guest"], line.guest, at);
    } finally {
      bench.remove();
    }
  });

test("docs/policies.md: the commands that play one do", () => {
  const text = readFileSync(path.join(ROOT, "docs/policies.md"), "utf8");
  const script = /## Scenarios\n.*?```sh\n(.*?)```/s.exec(text)?.[1] ?? "";
  assert.match(script, /^ioasis create fixed /);
  const bench = new Workbench();
  try {
    const [created, ...outcomes] = shell(bench, script).trimEnd().split("\n");
    assert.match(created ?? "", /^fixed: iommufd/);
    const errnos = linesOf("fixed.jsonl").flatMap(({ line }) =>
      line.gives === undefined ? [] : [line.gives["errno"]],
    );
    assert.equal(
      outcomes.map((line) => (JSON.parse(line) as Json)["errno"]),
      errnos,
    );
  } finally {
    bench.remove();
  }
});

test.run();
