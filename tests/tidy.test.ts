/** The project's own rules, so that nobody has to remember them. ARCHITECTURE.md says why they are there. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const LINES_MAX = 400;
const MEDIAN_LINES_MAX = 100;

/** Which packages a package may import. Downwards only. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  codec: ["core"],
  store: ["core", "codec"],
  history: ["core", "codec", "store"],
  replication: ["core", "codec", "store"],
  migration: ["core", "codec", "store", "replication"],
  capture: ["core"],
  server: ["core", "codec", "store", "history", "replication", "migration", "capture"],
  cli: ["core", "codec", "store", "history", "replication", "migration", "capture", "server"],
};

/** The one package that may import a library. */
const OWNERS: Readonly<Record<string, string>> = {
  msgpackr: "codec",
  fflate: "codec",
  "@noble/hashes": "codec",
  "fs-native-extensions": "store",
  "@automerge/automerge": "replication",
  ws: "replication",
  commander: "cli",
  // Peers of the bench: loaded where they are, and not shipped (tools/build.mjs).
  "sorted-btree": "cli",
  "@flatten-js/interval-tree": "cli",
  "@event-driven-io/emmett": "cli",
  "@event-driven-io/emmett-sqlite": "cli",
  sqlite3: "cli",
};

/** Packages that must run in a browser too, or that must not know the machine. */
const WITHOUT_NODE = ["core", "codec"];
/** Of codec, the one file that a browser never gets: `#platform` in its package.json is another one there. */
const NODE_ADAPTER = "packages/codec/src/platform/node.ts";

interface Source {
  readonly file: string;
  readonly package: string;
  readonly isTest: boolean;
  readonly text: string;
  readonly lines: number;
}

function list(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (!entry.isDirectory()) return [full];
    return entry.name === "node_modules" || entry.name === "dist" || entry.name.startsWith(".") ? [] : list(full);
  });
}

const sources: readonly Source[] = list(path.join(ROOT, "packages"))
  .filter((file) => file.endsWith(".ts"))
  .map((full) => {
    const text = readFileSync(full, "utf8");
    const file = path.relative(ROOT, full);
    const isTest = /\.(test|contract|soak|bench)\.ts$/.test(file) || file.includes("/testing/");
    return { file, package: file.split("/")[1] as string, isTest, text, lines: text.split("\n").length - 1 };
  });

const tests = list(path.join(ROOT, "packages"))
  .concat(list(path.join(ROOT, "tests")))
  .filter((file) => file.endsWith(".test.ts"));

/** What a file imports: `from "x"` at the end of a statement, or `import "x"` alone. */
const imports = (text: string): string[] =>
  [...text.matchAll(/(?:^|\n)(?:(?:import|export)\b[^;"'`]*?\bfrom|import)\s+"([^"]+)";/g)].map(
    (match) => match[1] as string,
  );

const offenders = (rule: (source: Source) => boolean): string[] => sources.filter(rule).map(({ file }) => file);

const test = suite("tidy");

test("every package has a place in the layer matrix, and none is empty", () => {
  const packages = readdirSync(path.join(ROOT, "packages")).sort();
  assert.equal(packages, Object.keys(LAYERS).sort());
  for (const name of packages)
    assert.ok(
      sources.some((source) => source.package === name),
      `${name} is empty`,
    );
});

test("packages import downwards only", () => {
  const wrong = sources.flatMap((source) =>
    imports(source.text)
      .filter((name) => name.startsWith("@ioasis/"))
      .map((name) => name.slice("@ioasis/".length))
      .filter((name) => name !== source.package && !LAYERS[source.package]?.includes(name))
      .map((name) => `${source.file} imports ${name}`),
  );
  assert.equal(wrong, []);
});

test("packages declare what they import, and import other packages by their public names", () => {
  const wrong = sources.flatMap((source) => {
    const manifest = JSON.parse(readFileSync(path.join(ROOT, "packages", source.package, "package.json"), "utf8"));
    const declared = { ...manifest.dependencies, ...manifest.devDependencies };
    return imports(source.text)
      .filter((name) => !/^[.#]/.test(name) && !name.startsWith("node:") && !/^(uvu|fast-check)(\/|$)/.test(name))
      .map((name) =>
        name
          .split("/")
          .slice(0, name.startsWith("@") ? 2 : 1)
          .join("/"),
      )
      .filter((name) => !(name in declared))
      .map((name) => `${source.file} imports ${name}`);
  });
  assert.equal(wrong, []);
  assert.equal(
    sources.flatMap(({ file, text }) =>
      imports(text)
        .filter((name) => /^@ioasis\/.+\//.test(name))
        .map((name) => `${file}: ${name}`),
    ),
    [],
  );
});

test("a library has one owner", () => {
  const wrong = sources
    .filter((source) => !source.isTest)
    .flatMap((source) =>
      imports(source.text)
        .filter((name) => !/^[.#]/.test(name) && !name.startsWith("node:") && !name.startsWith("@ioasis/"))
        .filter((name) => {
          const library = Object.keys(OWNERS).find((owned) => name === owned || name.startsWith(`${owned}/`));
          return library === undefined || OWNERS[library] !== source.package;
        })
        .map((name) => `${source.file} imports ${name}`),
    );
  assert.equal(wrong, []);
});

test("core and codec know nothing of the machine", () => {
  assert.equal(
    offenders(
      (source) =>
        WITHOUT_NODE.includes(source.package) &&
        source.file !== NODE_ADAPTER &&
        !source.isTest &&
        imports(source.text).some((name) => name.startsWith("node:")),
    ),
    [],
  );
  assert.equal(
    offenders(
      (source) =>
        source.package === "core" &&
        !source.isTest &&
        /\b(Date\.now|new Date\(\)|Math\.random|process\.|console\.|setTimeout|Buffer\.)/.test(source.text),
    ),
    [],
  );
});

test("only server and cli construct adapters", () => {
  const wrong = offenders(
    (source) =>
      !["server", "cli"].includes(source.package) &&
      !source.isTest &&
      /\b(openSegmentJournal|listenWebSocket|connectWebSocket)\(/.test(source.text) &&
      !/export (async )?function (openSegmentJournal|listenWebSocket|connectWebSocket)\b/.test(source.text),
  );
  assert.equal(wrong, []);
});

test("public names are listed one by one", () => {
  assert.equal(
    offenders(({ text }) => /export \*/.test(text)),
    [],
  );
  assert.equal(
    offenders(({ file }) => file.endsWith("/index.ts") && !/^packages\/\w+\/src\/index\.ts$/.test(file)),
    [],
  );
});

test("files stay small", () => {
  const production = sources.filter(({ isTest }) => !isTest);
  const lines = production.map((source) => source.lines).sort((a, b) => a - b);
  assert.equal(
    offenders((source) => !source.isTest && source.lines > LINES_MAX),
    [],
  );
  const median = lines[Math.floor(lines.length / 2)] as number;
  assert.ok(median <= MEDIAN_LINES_MAX, `the median file has ${median} lines`);
});

test("names say what is inside", () => {
  assert.equal(
    offenders(({ file }) => /\/(utils?|common|shared|helpers?|misc)(\.ts|\/)/.test(file)),
    [],
  );
  assert.equal(
    offenders(({ text }) => /\bclass \w*(Manager|Impl|Helper)\b/.test(text)),
    [],
  );
  assert.equal(
    offenders(({ file }) => !/^[a-z0-9./-]+$/.test(file)),
    [],
  );
});

test("no escape hatch and nothing left for later", () => {
  const hatch = new RegExp(["@ts-", "ignore|@ts-", "expect-error|\\bas a", "ny\\b|as unknown", " as"].join(""));
  const later = new RegExp(["TO", "DO|FIX", "ME|X", "XX:"].join(""));
  assert.equal(
    offenders((source) => !source.isTest && hatch.test(source.text)),
    [],
  );
  assert.equal(
    offenders((source) => later.test(source.text)),
    [],
  );
});

test("every test file runs its suite, whole", () => {
  for (const file of tests) {
    const text = readFileSync(file, "utf8");
    assert.ok(/\.run\(\)|[cC]ontract\(/.test(text), `${file} never calls .run()`);
    if (!file.endsWith("runner.test.ts") && !file.endsWith("tidy.test.ts"))
      assert.not.match(text, /\.(only|skip)\(/, `${file} leaves tests out`);
  }
});

test("no project text names a registry host or a path of somebody's machine", () => {
  const texts = list(ROOT).filter((file) => /\.(ts|mjs|md|json|yaml|sh)$/.test(file) || file.endsWith(".ci/run"));
  const pattern = new RegExp(
    ["registry\\.npm", "js|repo1\\.maven|deb\\.debian\\.org|/wo", "rk/|/home/\\w+/|\\.\\./sha", "red"].join(""),
  );
  const wrong = texts.filter(
    (file) => !file.includes("/recordings/") && !file.includes("/demo/") && pattern.test(readFileSync(file, "utf8")),
  );
  assert.equal(
    wrong.map((file) => path.relative(ROOT, file)),
    [],
  );
});

test("ARCHITECTURE.md has a paragraph on every package", () => {
  const text = readFileSync(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  for (const name of Object.keys(LAYERS)) assert.match(text, new RegExp(`packages/${name}\\b`));
});

test.run();
