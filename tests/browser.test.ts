/** The codec in a real browser: it reads what node wrote and writes the same bytes, which node reads. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Given, type Made, roundTrip } from "./codec-round-trip.ts";
import { hasProgram } from "./needs.ts";

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const GOLDEN = path.join(ROOT, "tests/recordings/codec");
const BROWSER_MS_MAX = 90_000;

const test = suite("browser");

function given(): Given {
  const files = (ending: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(GOLDEN)
        .filter((name) => name.endsWith(ending))
        .map((name) => [name, readFileSync(path.join(GOLDEN, name)).toString("base64")]),
    );
  return { blocks: files(".block"), snapshots: files(".snapshot") };
}

async function script(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [path.join(ROOT, "tests/browser-page.ts")],
    bundle: true,
    platform: "browser",
    format: "iife",
    target: "es2022",
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0]?.text ?? "";
}

/** What the page says after its script has run in Chromium. */
function answerOf(input: Given, code: string): Readonly<Record<string, Made>> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "ioasis-browser-"));
  try {
    const page = path.join(folder, "page.html");
    const parts = [`const GIVEN = ${JSON.stringify(input)};`, code].map((text) => `<script>${text}</script>`);
    writeFileSync(page, `<!doctype html><meta charset="utf-8"><pre id="answer"></pre>${parts.join("")}`);
    const options = ["--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${folder}/profile`];
    const dom = execFileSync("chromium", [...options, "--dump-dom", `file://${page}`], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: BROWSER_MS_MAX,
      maxBuffer: 64 * 1024 * 1024,
    });
    const answer = /<pre id="answer">(.*?)<\/pre>/s.exec(dom)?.[1] ?? "nothing";
    assert.ok(answer.startsWith("{"), answer);
    return JSON.parse(answer) as Record<string, Made>;
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

test("what a browser gets has nothing of node in it", async () => {
  const code = await script();
  assert.ok(code.length > 10_000, `${code.length} characters`);
  assert.not.match(code, /node:|require\(/);
});

if (hasProgram("chromium", "apt-get install chromium"))
  test("golden blocks, golden snapshots and a block of every event come out of Chromium as out of node", async () => {
    const input = given();
    const here = roundTrip(input);
    const there = answerOf(input, await script());
    assert.equal(Object.keys(there).sort(), Object.keys(here).sort());
    for (const [name, made] of Object.entries(here)) assert.equal(there[name], made, name);
    // And back: what the browser wrote is read here, and is what it was.
    const back = (ending: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(there)
          .filter(([name]) => name.endsWith(ending))
          .map(([name, { bytes }]) => [name, bytes]),
      );
    const again = roundTrip({ blocks: back(".block"), snapshots: back(".snapshot") });
    for (const [name, { digest, bytes }] of Object.entries(there))
      assert.equal([again[name]?.digest, again[name]?.bytes], [digest, bytes], name);
  });

test.run();
