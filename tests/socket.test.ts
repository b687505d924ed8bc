/** Commands over the UNIX socket of a real service: the example clients, bad input, what a crash leaves. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT, Workbench } from "./ioasis.ts";
import { hasProgram } from "./needs.ts";

const EXAMPLES = path.join(ROOT, "docs/examples");
const TOLD = "mapped: version 3, done\nmapped again: version 4, EEXIST\nunmapped: version 5, done\n";

interface Answer {
  readonly version: number;
  readonly errno?: string | null;
  readonly error?: { readonly code: string; readonly message: string };
}

interface Service {
  readonly bench: Workbench;
  readonly path: string;
  readonly child: ChildProcess;
}

async function served(bench: Workbench): Promise<Service> {
  const socket = path.join(bench.folder, "ioasis.sock");
  const child = bench.start("serve", "--listen", "127.0.0.1:0", "--socket", socket);
  assert.ok(child.stdout !== null);
  await once(createInterface({ input: child.stdout }), "line");
  return { bench, path: socket, child };
}

async function withService(body: (service: Service) => Promise<void>): Promise<void> {
  const bench = new Workbench();
  const service = await served(bench);
  try {
    await body(service);
  } finally {
    service.child.kill("SIGKILL");
    bench.remove();
  }
}

/** A conversation that asks one line at a time. */
async function conversation(file: string): Promise<{ ask(line: unknown): Promise<Answer>; socket: Socket }> {
  const socket = connect(file);
  await once(socket, "connect");
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    socket,
    async ask(line) {
      socket.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);
      const next = await lines.next();
      assert.is(next.done, false, "an answer comes before the end");
      return JSON.parse(next.value) as Answer;
    },
  };
}

const NONE = (_name: string, _body: () => Promise<void>): void => undefined;

const page = (number: number) => ({
  command: "MapIova",
  ioas: "ioas0",
  prot: "rw",
  userVa: "0x10000",
  iova: `0x${(number * 0x1000).toString(16)}`,
  length: "0x1000",
});

const test = suite("socket");

const python = hasProgram("python3", "install Python (Debian: python3)") ? test : NONE;
const compiler = hasProgram("cc", "install a C compiler (Debian: gcc, libc6-dev)") ? test : NONE;

python("docs/examples/client.py does what it says", () =>
  withService(async ({ path: socket, bench, child }) => {
    const run = spawn("python3", [path.join(EXAMPLES, "client.py"), socket, "vm"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [out, [status]] = await Promise.all([textOf(run), once(run, "close")]);
    assert.is(status, 0);
    assert.is(out, TOLD);
    child.kill("SIGTERM");
    assert.equal((await once(child, "close"))[0], 0);
    assert.not(existsSync(socket), "the socket goes with the service");
    const [, mapped] = bench.lines<{ actor: { comm: string } }>("log", "--type", "IovaMapped", "--context", "vm");
    assert.is(mapped, undefined);
    assert.is(bench.lines<{ actor: { comm: string } }>("log", "--context", "vm").at(-1)?.actor.comm, "client.py");
  }),
);

compiler("docs/examples/client.c compiles without a warning and does the same", () =>
  withService(async ({ path: socket, bench }) => {
    const binary = path.join(bench.folder, "client");
    const flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-o", binary, path.join(EXAMPLES, "client.c")];
    const compiled = spawnSync("cc", flags, { encoding: "utf8" });
    assert.is(compiled.status, 0, `cc is needed: ${compiled.error?.message ?? compiled.stderr}`);
    const run = spawn(binary, [socket, "vm"], { stdio: ["ignore", "pipe", "inherit"] });
    const [out, [status]] = await Promise.all([textOf(run), once(run, "close")]);
    assert.is(status, 0);
    assert.is(out, TOLD);
  }),
);

test("what is no command ends the conversation with where and why; others go on", () =>
  withService(async ({ path: socket }) => {
    const good = await conversation(socket);
    assert.is((await good.ask({ context: "vm", create: { profile: "iommufd" } })).version, 1);
    const BAD: readonly (readonly [string, string, RegExp])[] = [
      ["}", "ERR_INPUT", /line 1: not JSON/],
      ["[]", "ERR_INPUT", /not a JSON object/],
      ['{"context":""}', "ERR_INPUT", /"context" is not a name/],
      ['{"context":"vm","speed":1}', "ERR_INPUT", /"speed" is no field/],
      ['{"context":"vm","actor":7}', "ERR_INPUT", /"actor" is not a name/],
      ['{"context":"other"}', "ERR_NO_CONTEXT", /no context "other"/],
      ['{"context":"vm","create":{"profile":"iommufd"}}', "ERR_CONTEXT_EXISTS", /already/],
      ['{"context":"new","create":{"profile":"toaster"}}', "ERR_INPUT", /toaster/],
      ['{"context":"new","create":{"profile":"iommufd","color":1}}', "ERR_INPUT", /no "color"/],
      ['{"context":"new","create":{"profile":"iommufd","hosts":7}}', "ERR_INPUT", /"hosts"/],
      ['{"context":"new","create":[]}', "ERR_INPUT", /"create" is not an object/],
    ];
    for (const [line, code, message] of BAD) {
      const { error } = await (await conversation(socket)).ask(line);
      assert.is(error?.code, code, line);
      assert.match(error?.message ?? "", message);
    }
    const second = await conversation(socket);
    await second.ask({ context: "vm" });
    assert.match((await second.ask('{"command":"Fly"}')).error?.message ?? "", /line 2: /);
    assert.is((await good.ask({ command: "AllocIoas" })).version, 2);
  }));

test("two conversations about one context: one history, every command answered", () =>
  withService(async ({ path: socket, bench, child }) => {
    const one = await conversation(socket);
    await one.ask({ context: "vm", actor: "one", create: { profile: "iommufd" } });
    await one.ask({ command: "AllocIoas" });
    const two = await conversation(socket);
    assert.is((await two.ask({ context: "vm", actor: "two" })).version, 2);
    const answers: Answer[] = [];
    const pump = async (ask: (line: unknown) => Promise<Answer>, first: number): Promise<void> => {
      for (let i = 0; i < 100; i++) answers.push(await ask(page(first + i)));
    };
    await Promise.all([pump(one.ask, 0), pump(two.ask, 50)]);
    const versions = answers.map(({ version }) => version).sort((a, b) => a - b);
    assert.equal(
      versions,
      Array.from({ length: 200 }, (_, i) => i + 3),
    );
    assert.is(answers.filter(({ errno }) => errno === "EEXIST").length, 50);
    child.kill("SIGTERM");
    await once(child, "close");
    assert.is(bench.json<{ ok: boolean }>("verify").ok, true);
    assert.is(bench.json<{ spaces: { areas: unknown[] }[] }>("at").spaces[0]?.areas.length, 150);
  }));

test("kill -9 of the service: whatever was answered is there, and the dead socket is no obstacle", async () => {
  const bench = new Workbench();
  let service = await served(bench);
  try {
    const { ask } = await conversation(service.path);
    await ask({ context: "vm", create: { profile: "iommufd" } });
    await ask({ command: "AllocIoas" });
    for (let i = 0; i < 20; i++) await ask(page(i));
    service.child.kill("SIGKILL");
    await once(service.child, "close");
    assert.ok(existsSync(service.path), "kill -9 leaves the socket");
    service = await served(bench);
    const again = await conversation(service.path);
    assert.is((await again.ask({ context: "vm" })).version, 22);
    assert.is(statSync(service.path).mode & 0o777, 0o600);
    const other = bench.run(
      "serve",
      "--db",
      path.join(bench.folder, "other"),
      "--listen",
      "127.0.0.1:0",
      "--socket",
      service.path,
    );
    assert.is(other.status, 3);
    assert.match(other.err, /another process listens there/);
    const file = path.join(bench.folder, "file");
    writeFileSync(file, "");
    const taken = bench.run(
      "serve",
      "--db",
      path.join(bench.folder, "other"),
      "--listen",
      "127.0.0.1:0",
      "--socket",
      file,
    );
    assert.is(taken.status, 2);
    assert.match(taken.err, /is no socket/);
    assert.ok(existsSync(file));
  } finally {
    service.child.kill("SIGKILL");
    bench.remove();
  }
});

test("a peer that goes away in the middle of many commands harms nobody", () =>
  withService(async ({ path: socket }) => {
    const first = await conversation(socket);
    await first.ask({ context: "vm", create: { profile: "iommufd" } });
    await first.ask({ command: "AllocIoas" });
    const rude = await conversation(socket);
    await rude.ask({ context: "vm" });
    for (let i = 0; i < 2_000; i++) rude.socket.write(`${JSON.stringify(page(i))}\n`);
    rude.socket.destroy();
    const { version } = await first.ask(page(5_000));
    assert.ok(version >= 3);
    assert.is((await first.ask(page(5_000))).errno, "EEXIST");
  }));

async function textOf(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) text += String(chunk);
  return text;
}

test.run();
