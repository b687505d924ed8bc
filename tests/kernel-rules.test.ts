/**
 * Every refusal of a profile names the kernel's function or the section of the specification, and a row of the
 * profile's tables meets it. Rules and rows are read off the sources: rows run where they stand.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const CORE = path.join(ROOT, "packages/core/src");
/** Folder of a profile; the emulation of a container uses rules of iommufd's own calls too. */
const PROFILES = ["decide", "type1", "spapr", "compat", "virtio-iommu"] as const;

/** `iopt_check_iova: ...`, `Request::parse, MAP, 5.13.6.5: ...`, `5.13.6.5: ...`. */
const CITATION = /^(?:[A-Za-z_][\w:]*(?:->\w+)?|\d+(?:\.\d+)+)(?:, [^:]+)?: \S/;

/** No function to name. */
const UNCITED: Readonly<Record<string, string>> = {
  "base and length: one of them is missing": "fields that no ioctl has: they become a call of ALLOW_IOVAS",
  "base and length: the range wraps": "the same",
  "Request::parse, ATTACH: MAX_DOMAINS": "the constant is the rule",
  "Request::parse, MAP: MAX_MAPPINGS_PER_DOMAIN": "the constant is the rule",
};

/** The kernel checks it, and nothing can bring it about. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  "iopt_area_contig_is_aligned: goes on inside a page": "an access that pins has raised the alignment to whole pages",
  "tce_iommu_enable: no group is in the container": "the driver goes with its last group",
  "tce_iommu_create_default_window: no group": "the same",
  "tce_iommu_ioctl: no group is in the container": "the same",
};

interface Rule {
  readonly folder: string;
  readonly errno: string;
  readonly text: string;
}

/** Of a table: the beginning of a rule, and what the call comes to. */
interface Row extends Rule {
  readonly file: string;
}

function sources(folder: string): { readonly file: string; readonly isTest: boolean; readonly text: string }[] {
  return readdirSync(path.join(CORE, folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => ({
      file: path.join(folder, name),
      isTest: name.endsWith(".test.ts"),
      text: readFileSync(path.join(CORE, folder, name), "utf8"),
    }));
}

/** `guard("EINVAL", "...")`, `{ errno: "EINVAL", rule: "..." }`, `returning(1, "...")` and virtio-iommu's `check`. */
const MADE = [
  /(?:guard|check)(?:<[^"]*?>)?\(\s*"(\w+)",\s*"([^"]+)"/g,
  /rejection\(\s*(?:"(\w+)"|null),\s*"([^"]+)"/g,
  /errno: "(\w+)",\s*rule: "([^"]+)"/g,
  /returning\(\s*(\w+),\s*"([^"]+)"/g,
];
/** Guards of a struct's frame, made by function for each call of sPAPR. */
const FRAME_GUARDS = /(frameGuards|noFlags)<\w+>\("(\w+)"/g;
const ROW = /\[\s*"([^"]+)",\s*(?:"(\w+)"|(\d+)|null),/g;

function rulesOf(folder: string): Rule[] {
  const rules: Rule[] = [];
  for (const { isTest, text } of sources(folder)) {
    if (isTest) continue;
    for (const pattern of MADE)
      for (const [, errno = "null", rule = ""] of text.matchAll(pattern)) rules.push({ folder, errno, text: rule });
    for (const [, maker, call] of text.matchAll(FRAME_GUARDS)) {
      const name = `tce_iommu_ioctl, ${call}`;
      if (maker === "noFlags") rules.push({ folder, errno: "EINVAL", text: `${name}: unknown flag` });
      else {
        rules.push({ folder, errno: "EFAULT", text: `${name}: bad pointer` });
        rules.push({ folder, errno: "EINVAL", text: `${name}: argsz too small` });
      }
    }
  }
  return rules;
}

function rowsOf(folder: string): Row[] {
  const rows: Row[] = [];
  for (const { file, isTest, text } of sources(folder))
    if (isTest)
      for (const [, rule = "", word, number] of text.matchAll(ROW))
        rows.push({ folder, file, text: rule, errno: word ?? number ?? "null" });
  return rows;
}

/** A positive return counts what was done: any number. */
function meets({ errno, text }: Row, rule: Rule): boolean {
  const isSame = rule.errno === errno || (rule.errno === "returned" && /^\d+$/.test(errno));
  return isSame && rule.text.startsWith(text);
}

const rules = PROFILES.flatMap(rulesOf);
const rows = PROFILES.flatMap(rowsOf);

const test = suite("rules of the kernel");

test("are found in every profile", () => {
  const counts = PROFILES.map((folder) => rules.filter((rule) => rule.folder === folder).length);
  assert.ok(
    counts.every((count) => count > 10),
    `${counts}`,
  );
});

test("name a function or a section", () => {
  const uncited = rules.filter(({ text }) => !CITATION.test(text) && !(text in UNCITED)).map(({ text }) => text);
  assert.equal(uncited, []);
});

for (const folder of PROFILES)
  test(`${folder}: each is met by a row of a table that can mean no other`, () => {
    const own = rules.filter((rule) => rule.folder === folder);
    const met = new Set<string>(Object.keys(UNREACHABLE));
    for (const row of rows) {
      if (row.folder !== folder) continue;
      const meant = new Set(own.filter((rule) => meets(row, rule)).map(({ text }) => text));
      if (meant.size === 1) for (const text of meant) met.add(text);
    }
    const unmet = own.filter(({ text }) => !met.has(text)).map(({ errno, text }) => `${errno} ${text}`);
    assert.equal([...new Set(unmet)], []);
  });

test("exceptions are rules that are there", () => {
  const texts = new Set(rules.map(({ text }) => text));
  for (const exception of [...Object.keys(UNCITED), ...Object.keys(UNREACHABLE)])
    assert.ok(texts.has(exception), exception);
});

test.run();
