/** What the documents say: their commands run, their links lead somewhere. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT, Workbench } from "./ioasis.ts";

const test = suite("documents");
const documents = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "packages/migration/SPEC.md"].concat(
  readdirSync(path.join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
);

/** Arguments of a shell line: quotes kept together, a comment at the end dropped. */
function words(line: string): string[] {
  return [...line.replace(/\s+#.*$/, "").matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? (match[2] as string));
}

test("the README's commands do what they say, in the order in which they stand", () => {
  const text = readFileSync(path.join(ROOT, "README.md"), "utf8");
  const lines = text.split("\n").filter((line) => line.startsWith("ioasis "));
  assert.ok(lines.length >= 8, "the README shows commands");
  const bench = new Workbench();
  try {
    for (const line of lines) {
      const args = words(line)
        .slice(1)
        .flatMap((word) => (word.includes("*") ? expanded(word) : [word]))
        .map((word) => (/^(demo|tests|docs)\//.test(word) ? path.join(ROOT, word) : word));
      const { status, out, err } = bench.run(...args);
      assert.ok(
        status === 0 || (status === 1 && /^ioasis (who|diff|precheck)/.test(line)),
        `${line}: exit ${status}: ${err}`,
      );
      assert.ok(out.length > 0, `${line} printed nothing`);
    }
  } finally {
    bench.remove();
  }
});

function expanded(pattern: string): string[] {
  const folder = path.dirname(pattern);
  const name = new RegExp(`^${path.basename(pattern).replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  return readdirSync(path.join(ROOT, folder))
    .filter((file) => name.test(file))
    .map((file) => `${folder}/${file}`);
}

test("links between documents lead to files that are there", () => {
  for (const document of documents) {
    const text = readFileSync(path.join(ROOT, document), "utf8");
    for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      assert.ok(
        existsSync(path.join(ROOT, path.dirname(document), target as string)),
        `${document} links to ${target}`,
      );
  }
});

test("ARCHITECTURE.md names files that are there", () => {
  const text = readFileSync(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const named = [...text.matchAll(/`((?:packages|docs|tests)\/[\w./-]*\.(?:ts|md))`/g)].map(
    (match) => match[1] as string,
  );
  assert.ok(named.length >= 8);
  for (const file of named) assert.ok(existsSync(path.join(ROOT, file)), file);
});

test("docs/import.md tells of every rule of drift, and of no other", () => {
  const text = readFileSync(path.join(ROOT, "docs/import.md"), "utf8");
  const told = new Set([...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1] as string));
  const sources = ["packages/core/src/drift.ts", "packages/capture/src/qemu", "packages/capture/src/dpdk"];
  const rules = new Set(
    sources
      .flatMap((source) => filesOf(path.join(ROOT, source)))
      .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/(?:\bdrift\(|rule: )\s*"([a-z-]+)"/g)])
      .map((match) => match[1] as string),
  );
  assert.equal([...told].sort(), [...rules].sort());
});

function filesOf(source: string): string[] {
  if (source.endsWith(".ts")) return [source];
  return readdirSync(source)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => path.join(source, name));
}

test.run();
