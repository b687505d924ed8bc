/**
 * Facts that a decoder gave only because the file ended: what it held back for a next line.
 *
 * When the file has grown, the next line may say otherwise. Their hash is kept, and before an
 * import continues a grown file it looks whether they still read the same.
 */
import { createHash, type Hash } from "node:crypto";
import type { FormatName } from "@ioasis/capture";
import type { Fact } from "@ioasis/core";
import type { KnownImport, SettledFacts } from "@ioasis/store";
import type { Content } from "../content.ts";
import { decodeContent } from "./decode-content.ts";

/** Counts and hashes facts by the decoder's key. */
export class SettledTally {
  readonly #byKey = new Map<string, { facts: number; readonly hash: Hash }>();

  add(fact: Fact): void {
    let tally = this.#byKey.get(fact.context);
    if (tally === undefined) {
      tally = { facts: 0, hash: createHash("sha256") };
      this.#byKey.set(fact.context, tally);
    }
    tally.facts++;
    tally.hash.update(wordsOf(fact));
  }

  value(): Readonly<Record<string, SettledFacts>> {
    return Object.fromEntries(
      [...this.#byKey].map(([key, { facts, hash }]) => [key, { facts, sha256: hash.digest("hex") }]),
    );
  }
}

/** Whether the facts that an earlier end had settled read the same in `content`, which goes on. */
export async function readsTheSame(
  content: Content,
  format: FormatName,
  known: KnownImport,
  onChunk: () => void,
): Promise<boolean> {
  if (Object.keys(known.settled).length === 0) return true;
  const tally = new SettledTally();
  const seen = new Map<string, number>();
  const onFact = (fact: Fact): void => {
    const count = (seen.get(fact.context) ?? 0) + 1;
    seen.set(fact.context, count);
    const all = known.facts(fact.context);
    if (count <= all && count > all - (known.settled[fact.context]?.facts ?? 0)) tally.add(fact);
  };
  await decodeContent(content, format, onFact, onChunk);
  const now = tally.value();
  return Object.entries(known.settled).every(([key, { sha256 }]) => now[key]?.sha256 === sha256);
}

/** What a fact says, without where it stands. */
function wordsOf({ context, event, errno }: Fact): string {
  return JSON.stringify([context, event, errno], (_, value) =>
    typeof value === "bigint" ? `0x${value.toString(16)}` : value,
  );
}
