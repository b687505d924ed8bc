/** Runs a measurement several times and says its median and spread, beside a peer in the same run. */
import { metBy, type Target, targetText } from "./target.ts";

export interface Measurement {
  /** One number a run. */
  run(): Promise<number> | number;
}

export type Peer = { readonly name: string } & Measurement;

export interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly subject: Measurement;
  readonly peer: Peer | null;
  /** Absent: measured without one. */
  readonly target?: Target;
  /** What a reader has to know beside the figure: why there is no peer, how a number came about. */
  readonly note?: string;
  /** Fewer runs than asked for, where a single one takes long. */
  readonly runsMax?: number;
}

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer: string | null;
  readonly peerValue: number | null;
  /** value / peerValue. */
  readonly ratio: number | null;
  readonly runs: number;
  /** (highest - lowest) / median of the runs of the subject. */
  readonly spread: number;
  readonly peerSpread: number | null;
  readonly target: string | null;
  /** Null: no target, or one beside a peer that is not here. */
  readonly met: boolean | null;
  readonly note: string | null;
}

/**
 * Subject and peer take turns, so that both see the same machine.
 * @param onRun called after each turn with how many are done and how many there will be
 */
export async function measure(
  { name, unit, subject, peer, target, note, runsMax }: Bench,
  runsAsked: number,
  onRun: (done: number, of: number) => void = () => undefined,
): Promise<BenchResult> {
  const runs = Math.min(runsAsked, runsMax ?? runsAsked);
  const values: number[] = [];
  const peerValues: number[] = [];
  for (let i = 0; i < runs; i++) {
    values.push(await subject.run());
    if (peer !== null) peerValues.push(await peer.run());
    onRun(i + 1, runs);
  }
  const value = median(values);
  const peerValue = peer === null ? null : median(peerValues);
  const ratio = peerValue === null ? null : value / peerValue;
  return {
    name,
    value: rounded(value),
    unit,
    peer: peer?.name ?? null,
    peerValue: peerValue === null ? null : rounded(peerValue),
    ratio: ratio === null ? null : rounded(ratio),
    runs,
    spread: spreadOf(values),
    peerSpread: peer === null ? null : spreadOf(peerValues),
    target: target === undefined ? null : targetText(target, unit),
    met: target === undefined ? null : metBy(target, { value, ratio }),
    note: note ?? null,
  };
}

/** The same subject beside several peers: a bench each. A peer that is null is not installed, and its line says so. */
export function beside(bench: Omit<Bench, "peer">, peers: readonly (Peer | Missing)[]): Bench[] {
  return peers.map((peer) =>
    "missing" in peer ? { ...bench, peer: null, note: peer.missing, runsMax: 1 } : { ...bench, peer },
  );
}

/** A peer that cannot be had here, and why. */
export interface Missing {
  readonly missing: string;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that `part` of the others are below: nearest rank. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number;
}

function spreadOf(values: readonly number[]): number {
  const middle = median(values);
  return middle === 0 ? 0 : rounded((Math.max(...values) - Math.min(...values)) / middle);
}

/** Four significant digits: what a run of seconds on a shared machine can tell. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
