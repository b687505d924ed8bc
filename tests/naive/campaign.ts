/** Random steps against two models at once; a disagreement is cut down to the steps that it takes. */
import { type Random, randomOf } from "./random.ts";

/** Both models, from their beginning. */
export interface Pair<Step> {
  /** The next step, as the state suggests it. */
  readonly propose: (random: Random) => Step;
  /** Plays it in both. @returns what differs, or null */
  readonly play: (step: Step) => string | null;
  /** Compares all that there is. @returns what differs, or null */
  readonly compareAll: () => string | null;
}

export interface Campaign<Step> {
  readonly name: string;
  /** A fresh pair; `variant` chooses among set-ups. */
  readonly begin: (variant: number) => Pair<Step>;
}

export interface Tally {
  readonly steps: number;
  readonly accepted: number;
}

const EPISODE_STEPS = 250;
const COMPARE_EVERY = 25;

/**
 * Plays `steps` steps in episodes that each start anew.
 * @throws Error with the seed, the shortest steps found as JSON, and what differs
 */
export function run<Step>(campaign: Campaign<Step>, seed: number, steps: number): number {
  const random = randomOf(seed);
  let played = 0;
  while (played < steps) {
    const variant = random.below(2 ** 31);
    const pair = campaign.begin(variant);
    const episode: Step[] = [];
    for (; episode.length < EPISODE_STEPS && played < steps; played++) {
      const step = pair.propose(random);
      episode.push(step);
      const difference = pair.play(step) ?? (episode.length % COMPARE_EVERY === 0 ? pair.compareAll() : null);
      if (difference !== null) throw disagreement(campaign, seed, variant, episode, difference);
    }
    const difference = pair.compareAll();
    if (difference !== null) throw disagreement(campaign, seed, variant, episode, difference);
  }
  return played;
}

/** What differs first when these steps are played, or null. A step that cannot be played any more ends it. */
function differenceOf<Step>(campaign: Campaign<Step>, variant: number, steps: readonly Step[]): string | null {
  const pair = campaign.begin(variant);
  for (const step of steps) {
    const difference = pair.play(step) ?? pair.compareAll();
    if (difference !== null) return difference;
  }
  return null;
}

/** Leaves out ever smaller runs of steps as long as the rest still disagrees. */
function shrink<Step>(campaign: Campaign<Step>, variant: number, steps: readonly Step[]): readonly Step[] {
  let kept = steps;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < kept.length; ) {
      const rest = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (differenceOf(campaign, variant, rest) !== null) kept = rest;
      else at += size;
    }
  return kept;
}

function disagreement<Step>(
  campaign: Campaign<Step>,
  seed: number,
  variant: number,
  steps: readonly Step[],
  difference: string,
): Error {
  const shortest = shrink(campaign, variant, steps);
  const last = differenceOf(campaign, variant, shortest) ?? difference;
  const lines = shortest.map((step) =>
    JSON.stringify(step, (_key, value) => (typeof value === "bigint" ? hexOf(value) : value)),
  );
  return new Error(`${campaign.name}, seed ${seed}, set-up ${variant}: ${last}\n${lines.join("\n")}`);
}

function hexOf(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** `IOASIS_SEED` and `IOASIS_STEPS`, or these. */
export function chosen(seed: number, steps: number): { readonly seed: number; readonly steps: number } {
  const { IOASIS_SEED, IOASIS_STEPS } = process.env;
  return { seed: Number(IOASIS_SEED ?? seed), steps: Number(IOASIS_STEPS ?? steps) };
}
