/** A rule file: one rule a line. */
import { ERRNOS, type Errno } from "../errno.ts";
import { IoasisError } from "../failure.ts";
import type { Range } from "../range.ts";
import type { RangeNames } from "./range-names.ts";
import { CONDITION_FIELDS, type Condition, type Demand, REFUSALS_MAX, type Rule } from "./rule.ts";
import { RuleReader } from "./rule-reader.ts";

const RULES_MAX = 1_000;
const RULE_FILE_CHARACTERS_MAX = 1_000_000;

const ERRNO_NAMES = ERRNOS.filter((name): name is Errno => name !== "");

const NAMED = /^\s*([A-Za-z][\w.-]*):(?=\s|$)/;

/**
 * `layouts`: by name as written, the ranges of each file that `layoutFilesOf` names.
 * @throws IoasisError ERR_INPUT naming line, column, what was expected and a remedy; ERR_LIMIT
 */
export function parseRules(text: string, layouts: ReadonlyMap<string, readonly Range[]> = new Map()): Rule[] {
  return rulesOf(text, (file, line) => {
    const ranges = layouts.get(file);
    if (ranges !== undefined) return ranges;
    throw new IoasisError("ERR_INPUT", `line ${line}: the layout ${file} was not read: name its ranges instead`, {
      line,
    });
  });
}

export interface LayoutFile {
  readonly file: string;
  /** The first line that names it. */
  readonly line: number;
}

/**
 * The files that rules take layouts from: whoever reads files reads them before `parseRules`.
 * @throws IoasisError as `parseRules`
 */
export function layoutFilesOf(text: string): LayoutFile[] {
  const files = new Map<string, LayoutFile>();
  rulesOf(text, (file, line) => {
    if (!files.has(file)) files.set(file, { file, line });
    return [];
  });
  return [...files.values()];
}

function rulesOf(text: string, layout: RangeNames["layout"]): Rule[] {
  if (text.length > RULE_FILE_CHARACTERS_MAX)
    throw new IoasisError("ERR_LIMIT", `more than ${RULE_FILE_CHARACTERS_MAX} characters: split the rule file`);
  const rules: Rule[] = [];
  const names: RangeNames = { named: new Map(), layout };
  const lineOfName = new Map<string, number>();
  text.split(/\r?\n/).forEach((line, index) => {
    const rule = parseLine(line, index + 1, names);
    if (rule === null) return;
    const earlier = lineOfName.get(rule.name);
    if (earlier !== undefined)
      throw new IoasisError(
        "ERR_INPUT",
        `line ${index + 1}, column 1: "${rule.name}" is the rule of line ${earlier}: give this one another name`,
        { line: index + 1, column: 1 },
      );
    lineOfName.set(rule.name, index + 1);
    if (rules.push(rule) > RULES_MAX)
      throw new IoasisError("ERR_LIMIT", `line ${index + 1}: more than ${RULES_MAX} rules: split the rule file`);
  });
  if (rules.length > 0) return rules;
  throw new IoasisError("ERR_INPUT", "line 1, column 1: the file has no rule: write one, such as `forbid fault`");
}

function parseLine(line: string, number: number, names: RangeNames): Rule | null {
  const name = NAMED.exec(line);
  const reader = new RuleReader(line, number, name?.[0].length ?? 0);
  if (reader.isDone && name === null) return null;
  if (name === null && reader.accept("range")) return defineRange(reader, names);
  const demand = demandOf(reader, names);
  const where = reader.accept("where") ? conditionsOf(reader) : [];
  const except = reader.accept("except") ? conditionsOf(reader) : [];
  reader.finish();
  return { name: name?.[1] ?? line.replace(/(^|\s)#.*$/, "").trim(), line: number, demand, where, except };
}

function defineRange(reader: RuleReader, names: RangeNames): null {
  const name = reader.name("a name for the range");
  if (/^\d/.test(name) || name === "layout")
    throw reader.mistake("a name that begins with a letter and is not layout before this");
  reader.expect("=");
  names.named.set(name, reader.ranges(names));
  if (!reader.isDone) throw reader.mistake("a comma or the end of the line");
  return null;
}

function conditionsOf(reader: RuleReader): Condition[] {
  const conditions: Condition[] = [];
  do {
    const field = reader.choose(CONDITION_FIELDS);
    reader.expect("=");
    conditions.push({ field, values: reader.list(() => reader.name(`the ${field}`)) });
  } while (reader.accept("and"));
  return conditions;
}

function demandOf(reader: RuleReader, names: RangeNames): Demand {
  const verb = reader.choose(["forbid", "limit", "allow", "require"], "forbid, limit, allow, require or range");
  switch (verb) {
    case "forbid":
      return forbidden(reader, names);
    case "limit":
      return limited(reader);
    case "allow":
      return allowed(reader, names);
    case "require":
      return required(reader, names);
  }
}

function forbidden(reader: RuleReader, names: RangeNames): Demand {
  const subject = reader.choose(["map", "writable", "readable", "alias", "device", "fault", "refusal", "reuse"]);
  switch (subject) {
    case "map":
    case "writable":
    case "readable":
      if (subject !== "map") reader.expect("map");
      return {
        kind: "map",
        access: subject === "map" ? "any" : subject,
        ranges: reader.accept("in") ? reader.ranges(names) : [],
      };
    case "alias":
      reader.expect("across", "spaces");
      return { kind: "alias" };
    case "device":
      reader.expect("in", "two");
      return { kind: "device-in-two", what: reader.choose(["contexts", "spaces"]) };
    case "fault":
      return { kind: "fault" };
    case "refusal":
      return { kind: "refusals", limit: 0n, window: null, errnos: errnosOf(reader) };
    case "reuse":
      reader.expect("within");
      return { kind: "reuse", within: reader.time() };
  }
}

function limited(reader: RuleReader): Demand {
  const subject = reader.choose(["age", "mappings", "bytes", "refusals"]);
  switch (subject) {
    case "age":
      return { kind: "age", limit: reader.time() };
    case "mappings":
      return { kind: "mappings", limit: reader.wholeNumber("a number of mappings") };
    case "bytes":
      return { kind: "bytes", limit: reader.size() };
    case "refusals": {
      const limit = reader.wholeNumber(`a number of refusals up to ${REFUSALS_MAX}`, REFUSALS_MAX);
      const window = reader.accept("in") ? reader.time() : null;
      return { kind: "refusals", limit, window, errnos: errnosOf(reader) };
    }
  }
}

function errnosOf(reader: RuleReader): Errno[] {
  return reader.accept("with") ? reader.list(() => reader.choose(ERRNO_NAMES, "an errno such as EINVAL")) : [];
}

function allowed(reader: RuleReader, names: RangeNames): Demand {
  if (reader.choose(["map", "device"]) === "device")
    return { kind: "device-outside", devices: reader.list(() => reader.name("a device")) };
  if (reader.choose(["in", "by"]) === "in") return { kind: "map-outside", ranges: reader.ranges(names) };
  return { kind: "map-by-others", actors: reader.list(() => reader.name("an actor")) };
}

function required(reader: RuleReader, names: RangeNames): Demand {
  if (reader.choose(["unmap", "reserved"]) === "reserved") return { kind: "reserved", ranges: reader.ranges(names) };
  reader.expect("before");
  return { kind: "unmap-before", what: reader.choose(["destroy", "detach"]) };
}
