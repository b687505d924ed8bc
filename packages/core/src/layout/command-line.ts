/** A command line as a shell splits it, and option values as QEMU splits them. */
import { IoasisError } from "../failure.ts";

const TEXT_LENGTH_MAX = 1 << 20;

/**
 * Words of a command line: blanks separate, quotes and backslashes keep; nothing is expanded.
 * @throws IoasisError ERR_USAGE for a quote that does not end
 */
export function splitCommandLine(text: string): string[] {
  if (text.length > TEXT_LENGTH_MAX)
    throw new IoasisError(
      "ERR_USAGE",
      `a command line of ${text.length} characters: at most ${TEXT_LENGTH_MAX} are read`,
    );
  const words: string[] = [];
  const token = /\\\n|\s+|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\]+)|(['"\\])/g;
  let word: string | null = null;
  for (const [all, single, double, escaped, plain, open] of text.matchAll(token)) {
    if (open !== undefined)
      throw new IoasisError(
        "ERR_USAGE",
        `a command line with a ${open === "\\" ? "backslash at its end" : `quote ${open} that does not end`}: close it`,
      );
    const part = single ?? double?.replaceAll(/\\(["\\$`])/g, "$1") ?? escaped ?? plain;
    if (part !== undefined) word = (word ?? "") + part;
    else if (all !== "\\\n" && word !== null) {
      words.push(word);
      word = null;
    }
  }
  return word === null ? words : [...words, word];
}

/** An option's value: `q35,accel=kvm`, `{"driver":"vfio-pci"}`. */
export class OptionValue {
  readonly #values: ReadonlyMap<string, string>;

  /**
   * @param texts values of one option that was given several times: the last word on each key wins
   * @param first the key of a leading word without `=`
   */
  constructor(texts: readonly string[], first: string) {
    this.#values = new Map(
      texts.flatMap((text) => (text.startsWith("{") ? jsonPairs(text) : keyValuePairs(text, first))),
    );
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }
}

/** keyval_parse and opts_parse (util/keyval.c, util/qemu-option.c): `,,` is a comma; a word alone is `on`. */
function keyValuePairs(text: string, first: string): [string, string][] {
  return text
    .split(/(?<!,)(?:,,)*,(?!,)/)
    .filter((pair) => pair !== "")
    .map((pair, i) => {
      const [key, ...rest] = pair.replaceAll(",,", ",").split("=");
      if (rest.length > 0) return [key as string, rest.join("=")];
      return i === 0 ? [first, pair] : [pair, "on"];
    });
}

/** @throws IoasisError ERR_USAGE for what is no JSON object */
function jsonPairs(text: string): [string, string][] {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null)
      return Object.entries(value).map(([key, one]) => [
        key,
        one === true ? "on" : one === false ? "off" : String(one),
      ]);
  } catch {
    // Told below.
  }
  throw new IoasisError("ERR_USAGE", `option value ${text.slice(0, 60)}: not JSON: check its quotes`);
}

/** `on`, `off` and their kin; undefined stays. */
export function switchOf(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  return value === "on" || value === "yes" || value === "true";
}
