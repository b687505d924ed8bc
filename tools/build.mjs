// Makes the installable `ioasis`: one bundled file, the demo's recordings, and a packed tarball.
//
// Everything of ours and the pure libraries go into the bundle; what brings WebAssembly or native
// code stays a dependency that the installer fetches.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { bundle, programs, root } from "./bundle.mjs";

const cli = path.join(root, "packages/cli");
const dist = path.join(cli, "dist");
const out = path.join(root, "dist");
const manifest = JSON.parse(readFileSync(path.join(cli, "package.json"), "utf8"));

// What the bench measures beside is not shipped: where it is not installed, the bench says so.
const peers = [
  "@event-driven-io/emmett",
  "@event-driven-io/emmett-sqlite",
  "@flatten-js/interval-tree",
  "sorted-btree",
];

rmSync(dist, { recursive: true, force: true });
await bundle(programs, dist, {
  external: [...Object.keys(manifest.dependencies), ...peers],
  minify: true,
});
const script = path.join(dist, "ioasis.mjs");
const code = readFileSync(script, "utf8");
writeFileSync(script, code.startsWith("#!") ? code : `#!/usr/bin/env node\n${code}`);
chmodSync(script, 0o755);
cpSync(path.join(root, "demo"), path.join(dist, "demo"), { recursive: true });
for (const name of ["README.md", "LICENSE"]) copyFileSync(path.join(root, name), path.join(cli, name));

mkdirSync(out, { recursive: true });
// pnpm replaces the workspace's catalog entries by versions in what it packs.
const pnpm = process.env.npm_execpath;
const [command, first] =
  pnpm === undefined ? ["pnpm", []] : /\.[cm]?js$/.test(pnpm) ? [process.execPath, [pnpm]] : [pnpm, []];
execFileSync(command, [...first, "pack", "--pack-destination", out], {
  cwd: cli,
  stdio: ["ignore", "ignore", "inherit"],
});
for (const name of ["README.md", "LICENSE"]) rmSync(path.join(cli, name));
console.log(
  `dist/${manifest.name}-${manifest.version}.tgz\ninstall it with: npm install ./dist/${manifest.name}-${manifest.version}.tgz`,
);
