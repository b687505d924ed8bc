/** The fields of a JSON line, each asked for by name and type. Null: not there, or not of that type. */
const WORDS = "w";
const HEX = /^0x[0-9a-f]{1,16}$/i;

export class CallFields {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string | null {
    const value = this.#values[name];
    return typeof value === "string" ? value : null;
  }

  /** A whole number that a double holds exactly. */
  number(name: string): number | null {
    const value = this.#values[name];
    return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
  }

  /** `"0x..."`, 64 bits. */
  address(name: string): bigint | null {
    const value = this.#values[name];
    return typeof value === "string" && HEX.test(value) ? BigInt(value) : null;
  }

  /** The first four words of an ioctl's struct, which the recorder prints raw: `w`. */
  word(index: 0 | 1 | 2 | 3): number | null {
    const words = this.#values[WORDS];
    const word: unknown = Array.isArray(words) ? words[index] : undefined;
    return typeof word === "number" && Number.isSafeInteger(word) ? word : null;
  }
}
