/**
 * One context as the journal holds it: what its durable frames add up to, and what was accepted
 * on top and waits for the disk.
 */
import { type BlockHeader, type Digest, EMPTY_DIGEST } from "@ioasis/codec";
import { type ContextState, IoasisError, type ProfileName } from "@ioasis/core";
import { BlockDirectory } from "./block-directory.ts";
import type { Place } from "./frame-log.ts";
import type { ContextInfo, Damage, Epoch, ImportMark } from "./journal.ts";

/** The end of the history as the next append sees it: accepted, in order, perhaps not yet durable. */
export interface Tail {
  version: number;
  /** Hash of the newest block, "" before the first. */
  hash: string;
  /** Digest of the history, 64 hex digits. */
  digest: string;
  /** The running digest; null until it is needed. */
  feeding: Digest | null;
  epochs: readonly Epoch[];
  /** Of the newest frame. */
  sequence: number;
}

export interface ContextBirth {
  readonly context: number;
  readonly name: string;
  readonly id: string;
  readonly profile: ProfileName;
  readonly epochs: readonly Epoch[];
}

export class ContextLog {
  readonly number: number;
  readonly name: string;
  readonly id: string;
  readonly profile: ProfileName;

  version = 0;
  hash = "";
  digest = EMPTY_DIGEST;
  epochs: readonly Epoch[];
  /** Of the newest frame; the one that made the context has 1. */
  sequence = 1;
  readonly blocks = new BlockDirectory();
  /** By import and key. */
  readonly marks = new Map<string, ImportMark>();

  /** Versions from here on are lost or cannot be trusted. */
  damagedFrom: number | null = null;
  damage: Damage | null = null;
  /** Damage that may or may not have hit this context; its next frame will tell. */
  suspect: Damage | null = null;

  /** The state at `version`, once somebody asked for it. */
  live: ContextState | null = null;
  /** Resolves when everything accepted so far is durable or has failed. */
  settled: Promise<unknown> = Promise.resolve();
  #tail: Tail | null = null;

  constructor({ context, name, id, profile, epochs }: ContextBirth) {
    this.number = context;
    this.name = name;
    this.id = id;
    this.profile = profile;
    this.epochs = epochs;
  }

  get tail(): Tail {
    const { version, hash, digest, epochs, sequence } = this;
    this.#tail ??= { version, hash, digest, feeding: null, epochs, sequence };
    return this.#tail;
  }

  /**
   * Takes the next block, whose frame is the newest; its place in the chain is checked by the caller.
   * `contexts`: how many the journal has.
   */
  addBlock(header: BlockHeader, hash: string, place: Place, contexts: number): void {
    this.blocks.push({ ...place, firstVersion: header.firstVersion, sequence: this.sequence }, contexts);
    this.version = header.firstVersion + header.count - 1;
    this.hash = hash;
    this.digest = header.digest;
    const mark = header.mark as ImportMark | null | undefined;
    if (mark !== null && mark !== undefined) this.addMark(mark);
  }

  addMark(mark: ImportMark): void {
    this.marks.set(`${mark.id}\0${mark.key}`, mark);
  }

  addEpoch(epoch: Epoch): void {
    this.epochs = withEpoch(this.epochs, epoch);
  }

  /** Versions from `version` on (default: whatever comes after the head) are lost. */
  breakOff(damage: Damage, version = this.version + 1): void {
    this.suspect = null;
    if (this.damagedFrom !== null && this.damagedFrom <= version) return;
    this.damagedFrom = version;
    this.damage = damage;
  }

  /** What to throw when something needs the damaged part. */
  damaged(): IoasisError {
    const { name, damagedFrom, damage } = this;
    const place = damage === null ? "" : ` (${damage.file}, offset ${damage.offset}: ${damage.what})`;
    const message =
      `context "${name}" is damaged from version ${damagedFrom} on${place}. ` +
      "Earlier versions can be read; run verify, then restore the file from a copy or from another replica";
    const at = { context: name, version: damagedFrom ?? 0 };
    return new IoasisError(
      "ERR_DAMAGED",
      message,
      damage === null ? at : { ...at, file: damage.file, offset: damage.offset },
    );
  }

  info(): ContextInfo {
    const { name, id, profile, version, digest, epochs, damagedFrom } = this;
    return { name, id, profile, head: { version, digest }, epochs, imports: [...this.marks.values()], damagedFrom };
  }
}

/** The list with `epoch` in the place of the one that has its number, or behind the others. */
export function withEpoch(epochs: readonly Epoch[], epoch: Epoch): readonly Epoch[] {
  return [...epochs.filter((other) => other.epoch !== epoch.epoch), epoch].sort((a, b) => a.epoch - b.epoch);
}
