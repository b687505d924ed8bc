/** Runs a measurement several times and says its median and spread, beside a peer in the same run. */

export interface Measurement {
  /** Higher is better unless the unit says otherwise; one number a run. */
  run(): Promise<number> | number;
}

export interface Bench {
  readonly name: string;
  readonly unit: string;
  readonly subject: Measurement;
  readonly peer: ({ readonly name: string } & Measurement) | null;
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
}

/** Subject and peer take turns, so that both see the same machine. */
export async function measure({ name, unit, subject, peer }: Bench, runs: number): Promise<BenchResult> {
  const values: number[] = [];
  const peerValues: number[] = [];
  for (let i = 0; i < runs; i++) {
    values.push(await subject.run());
    if (peer !== null) peerValues.push(await peer.run());
  }
  const value = median(values);
  const peerValue = peer === null ? null : median(peerValues);
  return {
    name,
    value: rounded(value),
    unit,
    peer: peer?.name ?? null,
    peerValue: peerValue === null ? null : rounded(peerValue),
    ratio: peerValue === null ? null : rounded(value / peerValue),
    runs,
    spread: rounded((Math.max(...values) - Math.min(...values)) / value),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

/** Four significant digits: what a run of seconds on a shared machine can tell. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
