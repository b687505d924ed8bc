/**
 * How long nobody can append while a guest with 65,535 live mappings and 100,000 events a second
 * moves to another process and back, again and again; and whether a long history makes it longer.
 */
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { IoasisError } from "@ioasis/core";
import type { HostOptions, HostOrder, HostWord } from "./cutover-host.ts";
import { LIVE_MAPPINGS } from "./guest-churn.ts";
import { type Bench, quantile } from "./measure.ts";
import type { Setting } from "./row.ts";

/** Everything mapped, and one round of the churn on top. */
export const SHORT_HISTORY = 1 + 3 * LIVE_MAPPINGS;

const MOVES_PER_RUN = 20;
const BETWEEN_MOVES_MS = 50;

/** A guest and the two hosts between which it moves. */
export class Shuttle {
  readonly #hosts: readonly [Host, Host];
  #owner: 0 | 1 = 0;

  private constructor(hosts: readonly [Host, Host]) {
    this.#hosts = hosts;
  }

  static async start(folder: string, versions: number): Promise<Shuttle> {
    const here = await Host.start({ directory: path.join(folder, "alpha"), name: "alpha", versions });
    const there = await Host.start({ directory: path.join(folder, "beta"), name: "beta", versions: 0 });
    return new Shuttle([here, there]);
  }

  /** Moves the guest to the host that has it not. @returns the pause in milliseconds: as `migrate` says it, and from append to append */
  async move(): Promise<{ readonly pauseMs: number; readonly gapMs: number }> {
    const from = this.#hosts[this.#owner];
    this.#owner = this.#owner === 0 ? 1 : 0;
    const to = this.#hosts[this.#owner];
    from.order({ kind: "move", url: to.url });
    const moved = await from.word("moved");
    if (moved.outcome !== "completed" || moved.pauseMs === null)
      throw new IoasisError("ERR_STALE", `the guest was not moved: ${moved.outcome}, ${moved.reason}`);
    const goingOn = await to.word("going-on");
    return { pauseMs: moved.pauseMs, gapMs: goingOn.atMs - moved.lastAppendMs };
  }

  async end(): Promise<void> {
    for (const host of this.#hosts) host.order({ kind: "end" });
    await Promise.all(this.#hosts.map((host) => host.word("ended")));
  }
}

class Host {
  url = "";
  readonly #child: ChildProcess;
  readonly #words: HostWord[] = [];
  #notify: () => void = () => undefined;
  #failure: Error | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // Between two moves it must not keep the bench alive.
    child.unref();
    child.channel?.unref();
    child.on("message", (word: HostWord) => {
      this.#words.push(word);
      this.#notify();
    });
    child.on("exit", (code) => {
      this.#failure = new IoasisError("ERR_NETWORK", `a host of the bench ended with ${code}`);
      this.#notify();
    });
  }

  static async start(options: HostOptions): Promise<Host> {
    const child = fork(process.argv[1] as string, ["bench-host", JSON.stringify(options)], { execArgv: [] });
    const host = new Host(child);
    ({ url: host.url } = await host.word("ready"));
    return host;
  }

  order(order: HostOrder): void {
    this.#child.send(order);
  }

  async word<K extends HostWord["kind"]>(kind: K): Promise<Extract<HostWord, { kind: K }>> {
    const isThat = (word: HostWord): word is Extract<HostWord, { kind: K }> => word.kind === kind;
    for (;;) {
      const at = this.#words.findIndex(isThat);
      const [found] = at < 0 ? [] : this.#words.splice(at, 1);
      if (found !== undefined && isThat(found)) return found;
      if (this.#failure !== null) throw this.#failure;
      this.#child.channel?.ref();
      await new Promise<void>((resolve) => (this.#notify = resolve));
      this.#child.channel?.unref();
    }
  }
}

/** @param versions of the history when the moves begin, at least SHORT_HISTORY for a guest with all mappings live */
export async function cutoverBenches({ scratch }: Setting, versions: number): Promise<readonly Bench[]> {
  const shuttle = await Shuttle.start(scratch.fresh(), versions);
  await shuttle.move();
  const pauses: number[] = [];
  const gaps: number[] = [];
  const moves = async (): Promise<void> => {
    for (let i = 0; i < MOVES_PER_RUN; i++) {
      const { pauseMs, gapMs } = await shuttle.move();
      pauses.push(pauseMs);
      gaps.push(gapMs);
      await sleep(BETWEEN_MOVES_MS);
    }
  };
  const mappings = Math.min(LIVE_MAPPINGS, versions - 1).toLocaleString("en");
  const bench = (name: string, run: () => Promise<number> | number): Bench => ({
    name: `cutover after ${versions.toLocaleString("en")} events: ${name}`,
    unit: "ms",
    workload: `${mappings} live mappings, 100 k events/s`,
    subject: { run },
    peer: null,
  });
  return [
    bench("median pause of a run's moves", async () => {
      await moves();
      return quantile(pauses.slice(-MOVES_PER_RUN), 0.5);
    }),
    {
      ...bench("p99 of the pauses of all runs", () => quantile(pauses, 0.99)),
      target: [{ of: "value", atMost: 10 }],
      note: "QEMU's limit is 300 ms where none is given",
      runsMax: 1,
    },
    {
      ...bench("p99 from the last append to the next, all runs", () => quantile(gaps, 0.99)),
      runsMax: 1,
    },
  ];
}
