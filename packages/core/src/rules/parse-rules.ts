/** A rule file: one rule a line. */
import { ERRNOS, type Errno } from "../errno.ts";
import { IoasisError } from "../failure.ts";
import type { Range } from "../range.ts";
import { CONDITION_FIELDS, type Condition, type Demand, REFUSALS_MAX, type Rule } from "./rule.ts";
import { RuleReader } from "./rule-reader.ts";

export const RULES_MAX = 1_000;
export const RULE_FILE_CHARACTERS_MAX = 1_000_000;

const ERRNO_NAMES = ERRNOS.filter((name): name is Errno => name !== "");

type Ranges = Map<string, readonly Range[]>;
const NAMED = /^\s*([A-Za-z][\w.-]*):(?=\s|$)/;

/** @throws IoasisError ERR_INPUT naming line, column, what was expected and a remedy; ERR_LIMIT */
export function parseRules(text: string): Rule[] {
  if (text.length > RULE_FILE_CHARACTERS_MAX)
    throw new IoasisError("ERR_LIMIT", `more than ${RULE_FILE_CHARACTERS_MAX} characters: split the rule file`);
  const rules: Rule[] = [];
  const named: Ranges = new Map();
  const lineOfName = new Map<string, number>();
  text.split(/\r?\n/).forEach((line, index) => {
    const rule = parseLine(line, index + 1, named);
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

function parseLine(line: string, number: number, named: Ranges): Rule | null {
  const name = NAMED.exec(line);
  const reader = new RuleReader(line, number, name?.[0].length ?? 0);
  if (reader.isDone && name === null) return null;
  if (name === null && reader.accept("range")) return defineRange(reader, named);
  const demand = demandOf(reader, named);
  const where = reader.accept("where") ? conditionsOf(reader) : [];
  const except = reader.accept("except") ? conditionsOf(reader) : [];
  reader.finish();
  return { name: name?.[1] ?? line.replace(/(^|\s)#.*$/, "").trim(), line: number, demand, where, except };
}

function defineRange(reader: RuleReader, named: Ranges): null {
  const name = reader.name("a name for the range");
  if (/^\d/.test(name)) throw reader.mistake("a name that begins with a letter before this");
  reader.expect("=");
  named.set(name, reader.ranges(named));
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

function demandOf(reader: RuleReader, named: Ranges): Demand {
  const verb = reader.choose(["forbid", "limit", "allow", "require"], "forbid, limit, allow, require or range");
  switch (verb) {
    case "forbid":
      return forbidden(reader, named);
    case "limit":
      return limited(reader);
    case "allow":
      return allowed(reader, named);
    case "require":
      return required(reader, named);
  }
}

function forbidden(reader: RuleReader, named: Ranges): Demand {
  const subject = reader.choose(["map", "writable", "readable", "alias", "device", "fault", "refusal", "reuse"]);
  switch (subject) {
    case "map":
    case "writable":
    case "readable":
      if (subject !== "map") reader.expect("map");
      return {
        kind: "map",
        access: subject === "map" ? "any" : subject,
        ranges: reader.accept("in") ? reader.ranges(named) : [],
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

function allowed(reader: RuleReader, named: Ranges): Demand {
  if (reader.choose(["map", "device"]) === "device")
    return { kind: "device-outside", devices: reader.list(() => reader.name("a device")) };
  if (reader.choose(["in", "by"]) === "in") return { kind: "map-outside", ranges: reader.ranges(named) };
  return { kind: "map-by-others", actors: reader.list(() => reader.name("an actor")) };
}

function required(reader: RuleReader, named: Ranges): Demand {
  if (reader.choose(["unmap", "reserved"]) === "reserved") return { kind: "reserved", ranges: reader.ranges(named) };
  reader.expect("before");
  return { kind: "unmap-before", what: reader.choose(["destroy", "detach"]) };
}
