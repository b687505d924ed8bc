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
  /** The events that it is measured with. */
  readonly workload?: string;
  readonly subject: Measurement;
  readonly peer: Peer | null;
  /** Absent: measured without one. */
  readonly target?: Target;
  /** What a reader has to know beside the figure: why there is no peer, how a number came about. */
  readonly note?: string;
  /** Events of history behind it, where a curve is drawn over them. */
  readonly events?: number;
  /** Fewer runs than asked for, where a single one takes long. */
  readonly runsMax?: number;
}

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly workload: string | null;
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
  readonly events: number | null;
}

/** The figures of a bench so far. */
export class Measuring {
  readonly bench: Bench;
  readonly runs: number;
  readonly #values: number[] = [];
  readonly #peerValues: number[] = [];

  constructor(bench: Bench, runsAsked: number) {
    this.bench = bench;
    this.runs = Math.min(runsAsked, bench.runsMax ?? runsAsked);
  }

  get done(): number {
    return this.#values.length;
  }

  /** One turn of the subject and one of its peer, so that both see the same machine. */
  async turn(): Promise<void> {
    const { subject, peer } = this.bench;
    this.#values.push(await subject.run());
    if (peer !== null) this.#peerValues.push(await peer.run());
  }

  result(): BenchResult {
    const { name, unit, workload, peer, target, note, events } = this.bench;
    const value = median(this.#values);
    const peerValue = peer === null ? null : median(this.#peerValues);
    const ratio = peerValue === null ? null : value / peerValue;
    return {
      name,
      value: rounded(value),
      unit,
      workload: workload ?? null,
      peer: peer?.name ?? null,
      peerValue: peerValue === null ? null : rounded(peerValue),
      ratio: ratio === null ? null : rounded(ratio),
      runs: this.runs,
      spread: spreadOf(this.#values),
      peerSpread: peer === null ? null : spreadOf(this.#peerValues),
      target: target === undefined ? null : targetText(target, unit),
      met: target === undefined ? null : metBy(target, { value, ratio }),
      note: note ?? null,
      events: events ?? null,
    };
  }
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
