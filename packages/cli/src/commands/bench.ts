import os from "node:os";
import { IoasisError } from "@ioasis/core";
import type { Command } from "commander";
import { answerBenches } from "../bench/answers.ts";
import { conformBenches } from "../bench/conform.ts";
import { cutoverBenches } from "../bench/cutover.ts";
import { decideBenches } from "../bench/decide.ts";
import { importBench } from "../bench/import.ts";
import { journalBench } from "../bench/journal.ts";
import { type Bench, type BenchResult, measure } from "../bench/measure.ts";
import { modelBenches } from "../bench/model.ts";
import { precheckBench } from "../bench/precheck.ts";
import { replayBench } from "../bench/replay.ts";
import { replicateBench } from "../bench/replicate.ts";
import { answerLines, command, run, type Shell } from "../command.ts";
import type { CommonOptions, World } from "../world.ts";

const RUNS = Number(process.env["RUNS"] ?? 5);

/** By the name that a user gives; made only when asked for, since some need a journal first. */
const BENCHES: Readonly<Record<string, (world: World) => Promise<readonly Bench[]>>> = {
  replay: async () => [replayBench()],
  replicate: async () => [await replicateBench(1_000_000)],
  cutover: async () => cutoverBenches(20),
  "replicate-10m": async () => [await replicateBench(10_000_000)],
  import: async (world) => [await importBench(world)],
  journal: async (world) => [await journalBench(world)],
  answers: answerBenches,
  conform: async (world) => conformBenches(world),
  decide: async () => [...decideBenches(), ...modelBenches()],
  precheck: async () => [precheckBench()],
};

export function benchCommand(shell: Shell): Command {
  const { world } = shell;
  const names = Object.keys(BENCHES);
  return command("bench [NAME...]", `Measure, beside a peer in the same run: ${names.join(", ")}`)
    .argument("[name...]", "which benches (default: all)")
    .action((asked: string[], options: CommonOptions) =>
      run(shell, options, async (given) => {
        const unknown = asked.find((name) => !names.includes(name));
        if (unknown !== undefined)
          throw new IoasisError("ERR_USAGE", `no bench is called ${unknown}: there are ${names.join(", ")}`);
        world.err(
          `${os.cpus().length} cores, load ${os.loadavg()[0]?.toFixed(2)}, Node ${process.version}, ${RUNS} runs each\n`,
        );
        const results: BenchResult[] = [];
        for (const name of asked.length > 0 ? asked : names)
          for (const bench of (await BENCHES[name]?.(world)) ?? []) {
            const result = await measure(bench, RUNS);
            results.push(result);
            if (given.json !== true) world.out(`${benchText(result)}\n`);
          }
        if (given.json === true) answerLines(world, given, results, () => "");
        return 0;
      }),
    );
}

function benchText({ name, value, unit, peer, peerValue, ratio, spread }: BenchResult): string {
  const own = `${value.toLocaleString("en")} ${unit} (spread ${(spread * 100).toFixed(0)} %)`;
  return `${name}: ${own}${peer === null ? "" : `; ${peer}: ${peerValue?.toLocaleString("en")}; ratio ${ratio}`}`;
}
