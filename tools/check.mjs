// Types, format and lint, and the project's own rules (tidy): everything that needs no run.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { root } from "./bundle.mjs";

const bin = (name) => path.join(root, "node_modules/.bin", name);
const steps = [
  ["types", bin("tsc"), ["--noEmit", "-p", "tsconfig.json"]],
  ["format and lint", bin("biome"), ["check", "--error-on-warnings", "."]],
  ["tidy", process.execPath, ["tests/run.mjs", "tests/tidy.test.ts"]],
];
let isClean = true;
for (const [name, command, args] of steps) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${name}`);
  isClean &&= status === 0;
}
process.exitCode = isClean ? 0 : 1;
