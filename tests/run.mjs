// Runs every *.test.ts, each in a process of its own, and counts what really ran.
//
// uvu exits 0 when nothing passed in several situations (no `.run()`, no file matched, a hook
// that throws, `.only` left in); here each file must have run tests, passed all and skipped none.
//
//   node tests/run.mjs [--root DIR] [--suffix .soak.ts] [part of a path ...]
import { spawn } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundle, programs, root } from "../tools/bundle.mjs";
import { verdict } from "./verdict.mjs";

const FILE_SECONDS_MAX = 120;
const SOAK_SECONDS_MAX = 900;
const AT_ONCE = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { root: { type: "string", default: root }, suffix: { type: "string", default: ".test.ts" } },
});

const files = ["packages", "tests"]
  .flatMap((folder) => list(path.join(values.root, folder)))
  .filter((file) => file.endsWith(values.suffix))
  .map((file) => path.relative(values.root, file))
  .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
  .sort();

const started = Date.now();
let passed = 0;
let failed = 0;
// The command line, bundled once for the tests that run it.
let cli = "";
if (files.length === 0) {
  console.log(
    `no file ends in ${values.suffix}${positionals.length > 0 ? ` and contains ${positionals.join(" or ")}` : ""}`,
  );
  failed = 1;
} else {
  const outdir = path.join(root, ".build", "tests", String(process.pid));
  try {
    const entries = Object.fromEntries(
      files.map((file) => [file.replaceAll("/", "__").replace(/\.ts$/, ""), path.resolve(values.root, file)]),
    );
    await bundle(entries, outdir);
    if (values.root === root && files.some((file) => file.startsWith("tests/"))) await bundle(programs, outdir);
    cli = path.join(outdir, "ioasis.mjs");
    const waiting = Object.keys(entries).map((name, i) => ({
      file: files[i],
      script: path.join(outdir, `${name}.mjs`),
    }));
    await Promise.all(Array.from({ length: AT_ONCE }, () => work(waiting)));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
console.log(`${files.length} files, ${((Date.now() - started) / 1000).toFixed(1)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

async function work(waiting) {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const run = await runFile(next.script);
    const result = verdict(run);
    passed += result.passed;
    failed += result.failed;
    const mark = result.failed === 0 ? "ok  " : "FAIL";
    console.log(
      `${mark} ${next.file}  ${result.passed} passed${result.failed > 0 ? `, ${result.failed} failed` : ""}  ${run.seconds.toFixed(1)} s`,
    );
    for (const [line] of run.stdout.matchAll(/^left out: .*$/gm)) console.log(`     ${line}`);
    if (result.reason !== null) console.log(`     ${result.reason}`);
    if (result.failed > 0) process.stdout.write(`${run.stdout}${run.stderr}`);
  }
}

function runFile(script) {
  return new Promise((resolve) => {
    const from = Date.now();
    const child = spawn(process.execPath, ["--enable-source-maps", script], {
      cwd: root,
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", IOASIS_ROOT: root, IOASIS_CLI: cli },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    const secondsMax = values.suffix === ".soak.ts" ? SOAK_SECONDS_MAX : FILE_SECONDS_MAX;
    const timer = setTimeout(() => {
      stderr += `\nstopped after ${secondsMax} s\n`;
      child.kill("SIGKILL");
    }, secondsMax * 1000);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, seconds: (Date.now() - from) / 1000 });
    });
  });
}

function list(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory())
      return entry.name === "node_modules" || entry.name === "dist" || entry.name.startsWith(".") ? [] : list(full);
    return [full];
  });
}
