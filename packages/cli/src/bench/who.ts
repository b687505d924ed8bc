/** Who held a page at a version: questions at random over a long history, beside a replay up to the version. */
import { applyUpTo, ContextState, type Iova } from "@ioasis/core";
import { who } from "@ioasis/history";
import type { Journal } from "@ioasis/store";
import { type Bench, quantile } from "./measure.ts";
import type { Setting } from "./row.ts";
import { Churn, churnText } from "./workload/churn.ts";
import { GUEST, HISTORY_LIVE, history, openHistory } from "./workload/history.ts";
import { PAGE_BYTES } from "./workload/pages.ts";
import { type Random, seededRandom } from "./workload/random.ts";

export const QUESTIONS_MAX = 2_000;
const MICROSECONDS_PER_MS = 1_000;

/** Asks about one page of `churn` at one version. @returns microseconds */
export function askedOnce(journal: Journal, churn: Churn, events: number, random: Random): number {
  const first = churn.addresses[random(churn.addresses.length)] as Iova;
  const range = { first, last: (first + PAGE_BYTES - 1n) as Iova };
  const version = 1 + random(events);
  const from = performance.now();
  who(journal, GUEST, range, version);
  return (performance.now() - from) * MICROSECONDS_PER_MS;
}

export async function whoBenches(setting: Setting, events: number): Promise<Bench[]> {
  const journal = await openHistory(await history(setting, events, HISTORY_LIVE));
  const churn = new Churn(HISTORY_LIVE);
  const random = seededRandom(1);
  const asked = (): number[] =>
    Array.from({ length: Math.min(QUESTIONS_MAX, events) }, () => askedOnce(journal, churn, events, random));
  const size = `${events.toLocaleString("en")} events`;
  return [
    {
      name: `who, random pages and versions of ${size}: p50`,
      unit: "µs",
      workload: churnText(HISTORY_LIVE),
      target: [{ of: "value", atMost: 50 }],
      subject: { run: () => quantile(asked(), 0.5) },
      peer: { name: "replay from version 1 to the middle one", run: () => replayedTo(journal, events >> 1) },
      runsMax: 3,
    },
    {
      name: `who, random pages and versions of ${size}: p99`,
      unit: "µs",
      workload: churnText(HISTORY_LIVE),
      target: [{ of: "value", atMost: 2_000 }],
      subject: { run: () => quantile(asked(), 0.99) },
      peer: null,
    },
  ];
}

/** @returns microseconds that the state at `version` takes without anything but the blocks */
export function replayedTo(journal: Journal, version: number): number {
  const from = performance.now();
  const state = new ContextState();
  for (const batch of journal.batches(GUEST, 1, version)) applyUpTo(state, batch, version);
  return (performance.now() - from) * MICROSECONDS_PER_MS;
}
