/** The machine that a figure comes from: without it the figure says little. */
import os from "node:os";

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly node: string;
  readonly system: string;
}

export function thisMachine(): Machine {
  const cpus = os.cpus();
  return {
    cores: cpus.length,
    cpu: cpus[0]?.model.trim() || os.arch(),
    node: process.version,
    system: `${os.type()} ${os.release()}`,
  };
}

/** Load average over the last minute: how many processes wanted a core. Windows tells none. */
export function load(): number {
  return Number((os.loadavg()[0] ?? 0).toFixed(2));
}

export function machineText({ cores, cpu, node, system }: Machine, loads: readonly number[]): string {
  const span = loads.length === 0 ? "" : `, load ${loads.map((one) => one.toFixed(2)).join(" to ")}`;
  return `${cores} cores (${cpu}), ${system}, Node ${node}${span}`;
}
