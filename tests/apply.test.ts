/** `create` and `apply` as processes: answers come while the pipe is open, and kill -9 loses none that was given. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CLI, ROOT, Workbench } from "./ioasis.ts";

const KILLS = 5;
const LIFE_MS_MAX = 150;

interface Answer {
  readonly version: number;
  readonly errno: string | null;
  readonly error?: { readonly code: string; readonly at: { readonly line: number } };
}

const map = (page: number): string =>
  `${JSON.stringify({
    command: "MapIova",
    ioas: "ioas0",
    prot: "rw",
    userVa: "0x10000",
    iova: `0x${(page * 0x1000).toString(16)}`,
    length: "0x1000",
  })}\n`;

function apply(bench: Workbench) {
  return spawn(process.execPath, [CLI, "apply", "vm"], {
    env: { ...process.env, HOME: bench.folder, IOASIS_DB: bench.db },
    stdio: ["pipe", "pipe", "inherit"],
  });
}

const test = suite("apply");

test("docs/commands.md: its example does what it says", () => {
  const bench = new Workbench();
  try {
    const text = readFileSync(path.join(ROOT, "docs/commands.md"), "utf8");
    const create = /^ioasis (create \S+ --profile \S+ --host) (\S+)/m.exec(text);
    assert.is(bench.run(...(create?.[1] ?? "").split(" "), path.join(ROOT, create?.[2] ?? "")).status, 0);
    const commands = text.split("\n").filter((line) => line.startsWith('{"command"'));
    const file = path.join(bench.folder, "commands.jsonl");
    writeFileSync(file, `${commands.join("\n")}\n`);
    const answers = bench.lines<Answer & { rule: string | null }>("apply", "vm1", file);
    assert.equal(
      answers.map(({ errno }) => errno),
      [null, null, null, null, "EINVAL"],
    );
    assert.ok(text.includes(`"errno":"EINVAL","rule":"${answers.at(-1)?.rule}"`));
  } finally {
    bench.remove();
  }
});

for (const [document, context] of [
  ["docs/virtio-iommu.md", "vm3"],
  ["docs/compat.md", "vm2"],
] as const)
  test(`${document}: each command of its example has the answer that stands under it`, () => {
    const bench = new Workbench();
    try {
      const text = readFileSync(path.join(ROOT, document), "utf8");
      for (const line of text.split("\n").filter((each) => /^ioasis (layout|create) /.test(each))) {
        const [call, target] = line.slice("ioasis ".length).split(" > ") as [string, string?];
        const words = call.split(" ").map((word) => (word.startsWith("docs/") ? path.join(ROOT, word) : word));
        const { status, out, err } = bench.run(...words);
        assert.is(status, 0, `${line}: ${err}`);
        if (target !== undefined) writeFileSync(path.join(bench.folder, target), out);
      }
      const lines = text.split("\n").filter((line) => line.startsWith("{"));
      const commands = lines.filter((line) => line.startsWith('{"command"'));
      const file = path.join(bench.folder, "commands.jsonl");
      writeFileSync(file, commands.join("\n"));
      const answers = bench.run("apply", context, file).out.trimEnd().split("\n");
      assert.equal(
        lines,
        commands.flatMap((command, i) => [command, answers[i]]),
      );
      // What was answered is a history like any other.
      const last = JSON.parse(answers.at(-1) ?? "") as Answer;
      assert.is(bench.json<{ version: number }>("at", "--context", context).version, last.version);
      assert.is(bench.lines("log", "--context", context).length, last.version);
      assert.ok(bench.run("plan", "--context", context).out.length > 0);
      assert.is(bench.json<{ ok: boolean }>("verify").ok, true);
    } finally {
      bench.remove();
    }
  });

test("who writes one line and waits gets its answer", async () => {
  const bench = new Workbench();
  try {
    assert.is(bench.run("create", "vm", "--profile", "iommufd").status, 0);
    const child = apply(bench);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ask = async (line: string): Promise<Answer> => {
      child.stdin.write(line);
      return JSON.parse((await lines.next()).value) as Answer;
    };
    assert.is((await ask('{"command":"AllocIoas"}\n')).version, 2);
    assert.is((await ask(map(1))).version, 3);
    assert.is((await ask(map(1))).errno, "EEXIST");
    const locked = bench.json<{ error: { code: string } }>("apply", "vm", "/dev/null");
    assert.is(locked.error.code, "ERR_LOCKED");
    child.stdin.end();
    const [status] = await once(child, "close");
    assert.is(status, 0);
  } finally {
    bench.remove();
  }
});

test("kill -9 in the middle of a stream: every outcome that was given is in the journal", async () => {
  const bench = new Workbench();
  try {
    assert.is(bench.run("create", "vm", "--profile", "iommufd").status, 0);
    let page = 0;
    let acknowledged = 1;
    for (let kill = 0; kill < KILLS; kill++) {
      const child = apply(bench);
      child.stdin.on("error", () => undefined);
      if (kill === 0) child.stdin.write('{"command":"AllocIoas"}\n');
      for (let i = 0; i < 4_000; i++) child.stdin.write(map(page++));
      let text = "";
      child.stdout.on("data", (chunk) => {
        if (text === "") setTimeout(() => child.kill("SIGKILL"), Math.random() * LIFE_MS_MAX);
        text += chunk;
      });
      await once(child, "close");
      // A line without its end was cut by the kill.
      const last = text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1);
      acknowledged = (JSON.parse(last ?? "") as Answer).version;
      assert.is(bench.json<{ ok: boolean }>("verify").ok, true);
      const [context] = bench.json<{ versions: number }[]>("contexts");
      assert.ok((context?.versions ?? 0) >= acknowledged, `${acknowledged} acknowledged, ${context?.versions} there`);
    }
  } finally {
    bench.remove();
  }
});

test.run();
