/** What must hold at every instant (packages/migration/SPEC.md 6), looked at after every step. */
import { isRefusal, mayAppend } from "@ioasis/migration";
import type { Epoch, Journal, Point } from "@ioasis/store";
import type { Host } from "./host.ts";

export class Violation extends Error {}

interface Acknowledged extends Point {
  readonly epoch: number;
  readonly owner: string;
}

export class Judge {
  readonly #context: string;
  /** The newest point acknowledged to a writer, by epoch and owner. */
  readonly #acknowledged = new Map<string, Acknowledged>();
  /** Digest by place in a line of history. */
  readonly #digests = new Map<string, string>();
  /** What was looked at last of each host, so that only news costs. */
  readonly #seen = new Map<string, string>();

  /** Ownership that was looked at, by host. */
  readonly #owned = new Map<string, string>();

  constructor(context: string) {
    this.#context = context;
  }

  /** A writer was told that its events are durable. */
  acknowledge(owner: string, epoch: number, point: Point): void {
    this.#acknowledged.set(`${epoch}/${owner}`, { owner, epoch, ...point });
  }

  /** @throws Violation */
  look(hosts: readonly Host[]): void {
    let isNew = false;
    for (const host of hosts) {
      const info = host.journal?.context(this.#context) ?? null;
      const key =
        info === null ? `${host.life}` : `${host.life} ${info.head.version} ${info.head.digest} ${textOf(info.epochs)}`;
      if (this.#seen.get(host.name) === key) continue;
      this.#seen.set(host.name, key);
      isNew = true;
      if (host.journal !== null && info !== null) this.#lookAt(host, host.journal, info.epochs, info.head);
    }
    if (isNew) this.#oneWriter(hosts);
  }

  #lookAt(host: Host, journal: Journal, epochs: readonly Epoch[], head: Point): void {
    const line = lineOf(epochs);
    const holder = line.findLast(({ from }) => from.version < head.version) ?? line[0];
    if (holder !== undefined && head.version > 0) {
      const place = `${holder.epoch}/${holder.owner}/${head.version}`;
      const known = this.#digests.get(place);
      if (known !== undefined && known !== head.digest)
        throw new Violation(
          `I3: version ${head.version} of epoch ${holder.epoch} has two digests; ${host.name} has ${head.digest}, ${known} was seen`,
        );
      this.#digests.set(place, head.digest);
    }
    // Whatever the owner appends follows what it held when it became the owner, or came back as such.
    const ownership = `${host.life} ${textOf(epochs)}`;
    if (isRefusal(mayAppend(epochs, journal.replica)) || this.#owned.get(host.name) === ownership) return;
    this.#owned.set(host.name, ownership);
    for (const { epoch, owner } of line) {
      const acknowledged = this.#acknowledged.get(`${epoch}/${owner}`);
      if (acknowledged === undefined) continue;
      const { version, digest } = acknowledged;
      if (version > head.version || journal.digest(this.#context, version) !== digest)
        throw new Violation(
          `I2: version ${version}, acknowledged in epoch ${epoch} by ${owner}, is not in the history of ${host.name}, which owns epoch ${line.at(-1)?.epoch} at version ${head.version}`,
        );
    }
  }

  #oneWriter(hosts: readonly Host[]): void {
    const writers = hosts.flatMap(({ name, journal }) => {
      const epochs = journal?.context(this.#context)?.epochs ?? [];
      return journal === null || isRefusal(mayAppend(epochs, journal.replica)) ? [] : [{ name, line: lineOf(epochs) }];
    });
    for (const [i, one] of writers.entries())
      for (const other of writers.slice(i + 1))
        if (!areBranches(one.line, other.line))
          throw new Violation(
            `I1: two may append: ${one.name} in epoch ${one.line.at(-1)?.epoch}, ${other.name} in epoch ${other.line.at(-1)?.epoch}`,
          );
  }
}

/** The epochs of the history that this replica is on: one that a takeover overruled is another branch's. */
export function lineOf(epochs: readonly Epoch[]): readonly Epoch[] {
  return epochs.filter(
    ({ epoch }) => !epochs.some((other) => other.takeoverReason !== null && other.epoch === epoch + 1 && epoch > 1),
  );
}

/** They part where one of them was taken over. */
function areBranches(one: readonly Epoch[], other: readonly Epoch[]): boolean {
  const at = one.findIndex(({ epoch, owner }, i) => other[i]?.epoch !== epoch || other[i]?.owner !== owner);
  if (at < 0) return false;
  const [mine, theirs] = [one[at], other[at]];
  return mine !== undefined && theirs !== undefined && (mine.takeoverReason !== null || theirs.takeoverReason !== null);
}

function textOf(epochs: readonly Epoch[]): string {
  return epochs
    .map(
      ({ epoch, owner, sealed, takeoverReason }) =>
        `${epoch}${owner}${sealed?.isReleased ?? "-"}${takeoverReason ?? ""}`,
    )
    .join();
}
