// Runs the command line (or the demo) from a checkout: bundles it when a source is newer, then starts it.
//
//   node tools/run.mjs cli ARGUMENTS...    node tools/run.mjs demo
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { bundle, programs, root } from "./bundle.mjs";

const [entry, ...rest] = process.argv.slice(2);
const outdir = path.join(root, ".build", "run");
const target = path.join(outdir, "ioasis.mjs");
if (isStale()) await bundle(programs, outdir);

const args = entry === "demo" ? ["demo", ...rest] : rest;
const child = spawn(process.execPath, ["--enable-source-maps", target, ...args], {
  stdio: "inherit",
  // A script runs in the workspace; relative paths are the caller's.
  cwd: process.env.INIT_CWD ?? process.cwd(),
  env: { ...process.env, IOASIS_ROOT: root },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  process.exitCode = code ?? 128 + ({ SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1);
});

/** Whether any source is newer than the bundle. */
function isStale() {
  if (!existsSync(target)) return true;
  const built = statSync(target).mtimeMs;
  const newer = (file) => statSync(file).mtimeMs > built;
  return newer(path.join(root, "tools/bundle.mjs")) || sources(path.join(root, "packages")).some(newer);
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (!entry.isDirectory()) return /\.(ts|json)$/.test(entry.name) ? [full] : [];
    return entry.name === "node_modules" || entry.name === "dist" ? [] : sources(full);
  });
}
