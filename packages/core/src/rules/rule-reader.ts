/** Reads the words of one line; what is not as expected becomes a message with line, column and remedy. */
import { type Iova, U64_MAX } from "../address.ts";
import { parseDecimal } from "../decimal.ts";
import { IoasisError } from "../failure.ts";
import type { Range } from "../range.ts";
import type { RangeNames } from "./range-names.ts";
import { nearWord, type Word, wordsOf } from "./rule-words.ts";

const TIME_UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  min: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};
const SIZE_UNITS: Readonly<Record<string, bigint>> = {
  B: 1n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
  TiB: 1n << 40n,
};
const NUMBER = /^(?:0[xX][0-9a-fA-F]{1,17}|\d{1,20})$/;
const RANGE = /^([^-+]+)([-+])([^-+]+)$/;

export class RuleReader {
  readonly line: number;
  readonly #words: Word[];
  readonly #end: number;
  #next = 0;

  /** `skipped`: characters at its beginning that were read already. */
  constructor(text: string, line: number, skipped = 0) {
    this.line = line;
    this.#words = wordsOf(text).filter(({ column }) => column > skipped);
    this.#end = text.trimEnd().length + 1;
  }

  get isDone(): boolean {
    return this.#next >= this.#words.length;
  }

  peek(): string | null {
    return this.#words[this.#next]?.text ?? null;
  }

  /** Takes the next word when it is `word`. */
  accept(word: string): boolean {
    if (this.peek() !== word) return false;
    this.#next++;
    return true;
  }

  /** @throws IoasisError ERR_INPUT when the next word is none of `choices` */
  choose<const Choice extends string>(choices: readonly Choice[], expected?: string): Choice {
    const word = this.peek();
    const chosen = choices.find((choice) => choice === word);
    if (chosen === undefined) throw this.mistake(expected ?? choices.join(", "), choices);
    this.#next++;
    return chosen;
  }

  expect(...words: readonly string[]): void {
    for (const word of words) this.choose([word]);
  }

  /** A name; quotes around it allow spaces, commas and `=`. */
  name(expected: string): string {
    const word = this.peek();
    if (word === null || word === "," || word === "=" || word === '"' || word === '""') throw this.mistake(expected);
    this.#next++;
    return word.startsWith('"') ? word.slice(1, -1) : word;
  }

  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.accept(",")) items.push(item());
    return items;
  }

  wholeNumber(expected: string, max = Number.POSITIVE_INFINITY): bigint {
    const word = this.peek();
    if (word === null || !NUMBER.test(word) || BigInt(word) > max) throw this.mistake(expected);
    this.#next++;
    return BigInt(word);
  }

  /** `10 ms`, `1.5 h`, in nanoseconds. */
  time(): bigint {
    return this.#measure("a time such as 3600 s", TIME_UNITS);
  }

  /** `64 GiB`, in bytes. */
  size(): bigint {
    return this.#measure("a size such as 64 GiB", SIZE_UNITS);
  }

  #measure(expected: string, units: Readonly<Record<string, bigint>>): bigint {
    const joined = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(this.peek() ?? "");
    const number = parseDecimal(joined?.[1] ?? this.peek() ?? "");
    if (number === null || number.ticks < 0n) throw this.mistake(expected);
    const unit = joined?.[2];
    if (unit !== undefined && units[unit] === undefined) throw this.mistake(expected, Object.keys(units));
    this.#next++;
    const factor = units[unit ?? this.choose(Object.keys(units), `a unit: ${Object.keys(units).join(", ")}`)] as bigint;
    return (number.ticks * factor) / 10n ** BigInt(number.decimals);
  }

  /** `0x1000-0x1fff`, `0x1000+0x1000`, one address, `layout FILE`, or the name of ranges that were defined. */
  ranges(names: RangeNames): Range[] {
    return this.list(() => this.#range(names)).flat();
  }

  #range({ named, layout }: RangeNames): readonly Range[] {
    if (this.accept("layout")) return layout(this.name("the file of a layout"), this.line);
    const word = this.peek();
    const expected = "a range such as 0xfee00000-0xfeefffff or 0xfee00000+0x100000";
    if (word === null) throw this.mistake(expected);
    const ranges = named.get(word);
    if (ranges === undefined && !/^\d/.test(word))
      throw this.mistake(`${expected}, or the name of a range that a line above defines`, [...named.keys()]);
    const range = ranges ?? [this.#literal(word, expected)];
    this.#next++;
    return range;
  }

  #literal(word: string, expected: string): Range {
    const [, from, sign, to] = RANGE.exec(word) ?? [word, word, "+", "1"];
    if (from === undefined || to === undefined || !NUMBER.test(from) || !NUMBER.test(to)) throw this.mistake(expected);
    const first = BigInt(from);
    const last = sign === "-" ? BigInt(to) : first + BigInt(to) - 1n;
    if (last < first) throw this.mistake("a range that does not end before it begins");
    if (last > U64_MAX) throw this.mistake("a range that ends at 0xffffffffffffffff or below");
    return { first: first as Iova, last: last as Iova };
  }

  /** @throws IoasisError ERR_INPUT when words are left */
  finish(): void {
    if (!this.isDone) throw this.mistake('the end of the line, "where" or "except"', ["where", "except"]);
  }

  /** The message for the next word. */
  mistake(expected: string, choices: readonly string[] = []): IoasisError {
    const word = this.#words[this.#next];
    const column = word?.column ?? this.#end;
    const near = word === undefined ? null : nearWord(word.text, choices);
    const found = word === undefined ? "the end of the line" : JSON.stringify(word.text.replaceAll('"', ""));
    const remedy = near === null ? "see docs/rules.md for the forms of a rule" : `did you mean "${near}"?`;
    return new IoasisError(
      "ERR_INPUT",
      `line ${this.line}, column ${column}: expected ${expected}, found ${found}: ${remedy}`,
      { line: this.line, column },
    );
  }
}
