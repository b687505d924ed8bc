/** The block manifests of one context, by epoch and number; a rival in one place is a fork. */
import { IoasisError } from "@ioasis/core";
import { MANIFEST_VERSIONS } from "./limits.ts";
import { lastVersion, type Manifest } from "./records.ts";

/** Two blocks in one place of one epoch. */
export interface Fork {
  readonly epoch: number;
  /** The histories differ from here on, or from somewhere before. */
  readonly version: number;
  readonly blocks: readonly [Manifest, Manifest];
}

/** A manifest's number: the block holds version `number * MANIFEST_VERSIONS`. */
export function numberOf(manifest: Manifest): number {
  return Math.floor(lastVersion(manifest) / MANIFEST_VERSIONS);
}

export class ManifestIndex {
  readonly forks: Fork[] = [];
  readonly #byPlace = new Map<string, Manifest>();

  get size(): number {
    return this.#byPlace.size;
  }

  /** @returns false when it was known */
  add(manifest: Manifest): boolean {
    const place = `${manifest.epoch}/${numberOf(manifest)}`;
    const known = this.#byPlace.get(place);
    if (known?.hash === manifest.hash) return false;
    if (known === undefined) this.#byPlace.set(place, manifest);
    else {
      const version = Math.min(lastVersion(known), lastVersion(manifest));
      this.forks.push({ epoch: manifest.epoch, version, blocks: [known, manifest] });
    }
    return true;
  }
}

export function forkError({ epoch, version, blocks: [one, two] }: Fork): IoasisError {
  const message =
    `the history forks at version ${version} or before: epoch ${epoch} has the blocks ${short(one)} and ${short(two)} there. ` +
    "A journal was copied and both copies were written; both are kept, choose one by hand";
  return new IoasisError("ERR_FORK", message, { epoch, version });
}

function short({ hash }: Manifest): string {
  return hash.slice(0, 12);
}
