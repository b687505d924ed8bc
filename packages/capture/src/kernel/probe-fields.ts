/**
 * The fields of a kprobe event: `(symbol+0x4/0x1910 [module]) iommu=0x... cmd=0x3b71 ...`,
 * trace-cmd's raw addresses `(ffffffffc0587844)`, or its raw fields `__probe_ip=... iommu=...`.
 */
const FIELD = /(?:^|\s)(\w+)=(-?(?:0x[0-9a-f]{1,16}|\d{1,20}))(?=\s|$)/gi;

export class ProbeFields {
  readonly #values = new Map<string, string>();

  constructor(body: string) {
    for (const [, name = "", value = ""] of body.matchAll(FIELD)) this.#values.set(name, value);
  }

  /** Null: not there, or the probe could not read it (`(fault)`). */
  big(name: string): bigint | null {
    const text = this.#values.get(name);
    return text === undefined || text.startsWith("-") ? null : BigInt(text);
  }

  /** Small numbers, signed. */
  number(name: string): number | null {
    const text = this.#values.get(name);
    return text === undefined ? null : Number(text);
  }

  /** A kernel pointer as printed: an identity. */
  pointer(name: string): string | null {
    return this.#values.get(name) ?? null;
  }
}
