/**
 * How long nobody can append while a guest with 65,535 live mappings and 100,000 events a second
 * moves to another process and back, again and again; and whether a long history makes it longer.
 */
import { type ChildProcess, fork } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { IoasisError } from "@ioasis/core";
import type { HostOptions, HostOrder, HostWord } from "./cutover-host.ts";
import { LIVE_MAPPINGS } from "./guest-churn.ts";
import type { Bench } from "./measure.ts";

/** Everything mapped, and one round of the churn on top. */
export const SHORT_HISTORY = 1 + 3 * LIVE_MAPPINGS;

/** A guest and the two hosts between which it moves. */
export class Shuttle {
  readonly #hosts: readonly [Host, Host];
  #owner: 0 | 1 = 0;

  private constructor(hosts: readonly [Host, Host]) {
    this.#hosts = hosts;
  }

  static async start(versions: number): Promise<Shuttle> {
    const folder = await mkdtemp(path.join(os.tmpdir(), "ioasis-bench-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
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
    const flags = process.env["IOASIS_BENCH_HOST_FLAGS"]?.split(" ") ?? [];
    const child = fork(process.argv[1] as string, ["bench-host", JSON.stringify(options)], { execArgv: flags });
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

export async function cutoverBenches(moves: number): Promise<readonly Bench[]> {
  const shuttle = await Shuttle.start(SHORT_HISTORY);
  await shuttle.move();
  const all: { pauseMs: number; gapMs: number }[] = [];
  const series = async () => {
    for (let i = 0; i < moves; i++) {
      all.push(await shuttle.move());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const quantile = (values: readonly number[], q: number) =>
    [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))] as number;
  const row = (name: string, run: () => Promise<number> | number): Bench => ({
    name: `cutover, ${LIVE_MAPPINGS} live mappings, 100 k events/s: ${name}`,
    unit: "ms",
    subject: { run },
    peer: null,
  });
  return [
    row("median pause", async () => {
      await series();
      return quantile(
        all.slice(-moves).map(({ pauseMs }) => pauseMs),
        0.5,
      );
    }),
    row("p99 pause of all moves so far", () =>
      quantile(
        all.map(({ pauseMs }) => pauseMs),
        0.99,
      ),
    ),
    row("median from the last append to the next", () =>
      quantile(
        all.map(({ gapMs }) => gapMs),
        0.5,
      ),
    ),
  ];
}
