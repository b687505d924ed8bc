/** A line of `bench --json`, and what must hold for every one. */
import * as assert from "uvu/assert";

export interface Line {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly workload: string | null;
  readonly peer: string | null;
  readonly peerValue: number | null;
  readonly ratio: number | null;
  readonly runs: number;
  readonly spread: number;
  readonly row: string;
  readonly target: string | null;
  readonly met: boolean | null;
  readonly note: string | null;
  readonly events: number | null;
  readonly load: readonly number[];
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string };
}

/** Keys of every line, whatever it measures. */
export function checkLine(line: Line): void {
  const { name, value, unit, peer, peerValue, ratio, runs, spread, row, target, met, note, load, machine } = line;
  assert.ok(name.length > 0 && unit.length > 0 && row.length > 0);
  assert.ok(Number.isFinite(value), name);
  assert.ok(runs >= 1 && spread >= 0, name);
  // A peer that could not be had has its reason in the note.
  if (peer === null) assert.equal([peerValue, ratio], [null, null], name);
  else assert.ok(Number.isFinite(peerValue) && Number.isFinite(ratio), name);
  assert.type(target ?? "", "string");
  assert.ok(target !== null || met === null, name);
  assert.type(note ?? "", "string");
  assert.is(load.length, 2);
  assert.ok(machine.cores > 0 && machine.cpu !== "" && machine.node.startsWith("v"));
}
