/** What `bisect` can be asked for; docs/bisect.md tells the language. */
import { IoasisError, type Range, sizeOf } from "@ioasis/core";
import { parseIovaRange } from "../iova-range.ts";

/** A right that a mapping must give. */
export type Right = "r" | "w" | "rw";
export type Comparison = ">" | ">=" | "<" | "<=" | "=";

export type Condition =
  /** Some byte of the range is mapped, or none is. */
  | { readonly kind: "mapped"; readonly range: Range; readonly right: Right | null; readonly isWanted: boolean }
  /** Every byte of the range is mapped in one space. */
  | { readonly kind: "covered"; readonly range: Range; readonly right: Right | null }
  | { readonly kind: "attached"; readonly device: string; readonly isWanted: boolean }
  /** The device is attached to a space in which some byte of the range is mapped. */
  | { readonly kind: "reaches"; readonly device: string; readonly range: Range; readonly right: Right | null }
  /** Mappings of the living spaces, or their bytes. */
  | { readonly kind: "areas" | "mapped-bytes"; readonly comparison: Comparison; readonly than: bigint }
  /** How often the recorder has lost events: never goes down. */
  | { readonly kind: "losses"; readonly than: bigint }
  | { readonly kind: "bookmark"; readonly name: string };

const WORD = /"[^"]*"|[<>]=?|=|[^\s<>="]+/g;
const LANGUAGE =
  "mapped RANGE [with r|w|rw], unmapped RANGE, covered RANGE [with ...], attached DEVICE, detached DEVICE, device DEVICE reaches RANGE [with ...], areas above N, mapped-bytes above SIZE (or below, or one of > >= < <= =), losses above N, bookmark NAME";

/** @throws IoasisError ERR_USAGE that says what was expected */
export function parseCondition(text: string): Condition {
  const words = new Words(text);
  const condition = conditionOf(words);
  words.end();
  return condition;
}

function conditionOf(words: Words): Condition {
  const kind = words.next("a condition");
  switch (kind) {
    case "mapped":
    case "unmapped": {
      const range = words.range();
      return { kind: "mapped", range, right: kind === "mapped" ? words.right() : null, isWanted: kind === "mapped" };
    }
    case "covered":
      return { kind, range: words.range(), right: words.right() };
    case "attached":
    case "detached":
      return { kind: "attached", device: words.next("a device"), isWanted: kind === "attached" };
    case "device": {
      const device = words.next("a device");
      words.expect("reaches");
      return { kind: "reaches", device, range: words.range(), right: words.right() };
    }
    case "areas":
      return { kind, comparison: words.comparison(), than: words.count() };
    case "mapped-bytes":
      return { kind, comparison: words.comparison(), than: sizeOf(words.next("a size"), kind) };
    case "losses":
      words.expect("above");
      return { kind, than: words.count() };
    case "bookmark":
      return { kind, name: words.next("a name") };
    default:
      throw words.wrong(`"${kind}" is no condition; there are: ${LANGUAGE}`);
  }
}

class Words {
  readonly #text: string;
  readonly #words: string[];

  constructor(text: string) {
    this.#text = text;
    this.#words = (text.match(WORD) ?? []).map((word) => (word.startsWith('"') ? word.slice(1, -1) : word));
  }

  next(what: string): string {
    const word = this.#words.shift();
    if (word === undefined || word === "") throw this.wrong(`${what} is missing; conditions are: ${LANGUAGE}`);
    return word;
  }

  expect(word: string): void {
    const found = this.next(`"${word}"`);
    if (found !== word) throw this.wrong(`"${word}" was expected where "${found}" is`);
  }

  range(): Range {
    return parseIovaRange(this.next("a range"), "CONDITION");
  }

  right(): Right | null {
    if (this.#words[0] !== "with") return null;
    this.#words.shift();
    const right = this.next("r, w or rw");
    if (right === "r" || right === "w" || right === "rw") return right;
    throw this.wrong(`r, w or rw was expected where "${right}" is`);
  }

  comparison(): Comparison {
    const word = this.next('"above", "below" or a comparison');
    if (word === "above") return ">";
    if (word === "below") return "<";
    if (word === ">" || word === ">=" || word === "<" || word === "<=" || word === "=") return word;
    throw this.wrong(`"above", "below", >, >=, <, <= or = was expected where "${word}" is`);
  }

  count(): bigint {
    const word = this.next("a number");
    if (/^\d{1,15}$/.test(word)) return BigInt(word);
    throw this.wrong(`a number was expected where "${word}" is`);
  }

  end(): void {
    if (this.#words.length > 0) throw this.wrong(`nothing was expected where "${this.#words.join(" ")}" is`);
  }

  wrong(why: string): IoasisError {
    return new IoasisError("ERR_USAGE", `condition ${JSON.stringify(this.#text)}: ${why}`, { condition: this.#text });
  }
}
