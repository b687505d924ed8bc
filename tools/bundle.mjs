// Bundles TypeScript entry points with esbuild. Workspace packages go in; libraries stay outside.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const root = path.resolve(fileURLToPath(new URL("..", import.meta.url)));

/** The command line, and the thread that it starts beside itself. */
export const programs = {
  ioasis: path.join(root, "packages/cli/src/main.ts"),
  "decode-worker": path.join(root, "packages/cli/src/decode-worker.ts"),
};

const { version } = JSON.parse(readFileSync(path.join(root, "packages/cli/package.json"), "utf8"));

/** Names of the libraries that any package or the workspace itself depends on. */
export function libraries() {
  const manifests = [
    "package.json",
    ...readdirSync(path.join(root, "packages")).map((name) => `packages/${name}/package.json`),
  ];
  const names = new Set();
  for (const manifest of manifests) {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(path.join(root, manifest), "utf8"));
    for (const name of Object.keys({ ...dependencies, ...devDependencies }))
      if (!name.startsWith("@ioasis/")) names.add(name);
  }
  return [...names];
}

/**
 * @param {Record<string, string>} entryPoints output name (no ending) to source path
 * @param {string} outdir
 * @param {{ external?: string[], minify?: boolean, plugins?: import("esbuild").Plugin[] }} options `external`: left outside; default: every library
 */
export async function bundle(entryPoints, outdir, { external = libraries(), minify = false, plugins = [] } = {}) {
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    outExtension: { ".js": ".mjs" },
    sourcemap: !minify,
    minify,
    external,
    plugins,
    logLevel: "warning",
    define: { IOASIS_VERSION: JSON.stringify(version) },
    banner: minify ? { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" } : {},
  });
}
