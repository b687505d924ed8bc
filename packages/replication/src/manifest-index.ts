/** The block manifests of one context, found by hash and by the version at which a block begins. */
import { IoasisError } from "@ioasis/core";
import type { Manifest } from "./records.ts";

/** Two blocks in one place of one epoch. */
export interface Fork {
  readonly epoch: number;
  /** First version at which the histories differ, as far as block borders tell. */
  readonly version: number;
  readonly blocks: readonly [Manifest, Manifest];
}

export class ManifestIndex {
  readonly forks: Fork[] = [];
  readonly #byHash = new Map<string, Manifest>();
  readonly #byStart = new Map<number, Manifest[]>();

  get(hash: string): Manifest | undefined {
    return this.#byHash.get(hash);
  }

  get size(): number {
    return this.#byHash.size;
  }

  /** @returns false when it was known */
  add(manifest: Manifest): boolean {
    if (this.#byHash.has(manifest.hash)) return false;
    this.#byHash.set(manifest.hash, manifest);
    const { firstVersion, epoch } = manifest;
    const others = this.#byStart.get(firstVersion);
    if (others === undefined) {
      this.#byStart.set(firstVersion, [manifest]);
      return true;
    }
    for (const other of others)
      if (other.epoch === epoch) this.forks.push({ epoch, version: firstVersion, blocks: [other, manifest] });
    others.push(manifest);
    return true;
  }

  /**
   * The block that follows version `head`, whose last block has the hash `previous`: of the newest
   * epoch that has one, no newer than `epochMax`.
   * @throws IoasisError ERR_FORK when one epoch has two
   */
  next(head: number, previous: string, epochMax: number): Manifest | null {
    const all = (this.#byStart.get(head + 1) ?? []).filter((m) => m.previous === previous && m.epoch <= epochMax);
    const epoch = Math.max(...all.map((manifest) => manifest.epoch));
    const [first, rival] = all.filter((manifest) => manifest.epoch === epoch);
    if (first === undefined) return null;
    if (rival !== undefined) throw forkError({ epoch, version: head + 1, blocks: [first, rival] });
    return first;
  }
}

export function forkError({ epoch, version, blocks: [one, two] }: Fork): IoasisError {
  const message =
    `the history forks at version ${version}: epoch ${epoch} has the blocks ${short(one)} and ${short(two)} there. ` +
    "A journal was copied and both copies were written; both are kept, choose one by hand";
  return new IoasisError("ERR_FORK", message, { epoch, version });
}

function short({ hash }: Manifest): string {
  return hash.slice(0, 12);
}
