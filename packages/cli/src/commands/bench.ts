import type { Command } from "commander";
import { Option } from "commander";
import { chosenRows } from "../bench/chosen.ts";
import { load, machineText, thisMachine } from "../bench/machine.ts";
import { type Reported, resultTable } from "../bench/report.ts";
import { rowList } from "../bench/row-list.ts";
import { ROWS } from "../bench/rows.ts";
import { runRow, runRows } from "../bench/run-rows.ts";
import { openScratch, scratchIn } from "../bench/scratch.ts";
import { runTask } from "../bench/tasks.ts";
import { answer, command, positiveNumber, run, type Shell } from "../command.ts";
import type { CommonOptions, ExitCode, World } from "../world.ts";

const RUNS = 5;

interface BenchOptions extends CommonOptions {
  readonly runs: number;
  readonly workdir?: string;
  readonly list?: true;
  readonly inside?: string;
  readonly task?: string;
}

export function benchCommand(shell: Shell): Command {
  const ids = ROWS.map(({ id }) => id).join(", ");
  return command("bench [NAME[@SIZE]...]", `Measure, beside peers in the same run: ${ids}`)
    .argument("[name...]", "which rows, and in which size: who, who@1M (default: all in their usual sizes)")
    .option("--runs <number>", "runs of each, of which the median counts", positiveNumber, RUNS)
    .option("--workdir <directory>", "where histories are made, and kept for the next time (default: temporary)")
    .option("--list", "tell the rows, their sizes and targets")
    .addOption(new Option("--inside <directory>").hideHelp())
    .addOption(new Option("--task <name>").hideHelp())
    .action((names: string[], options: BenchOptions) =>
      run(shell, options, (given) => bench(shell.world, names, given)),
    );
}

async function bench(world: World, names: readonly string[], options: BenchOptions): Promise<ExitCode> {
  if (options.list === true) {
    answer(
      world,
      options,
      ROWS.map(({ id, title, goal, sizes }) => ({ id, title, goal, sizes })),
      () => rowList(ROWS),
    );
    return 0;
  }
  if (options.task !== undefined) {
    await runTask(world, options.task, names);
    return 0;
  }
  const chosen = chosenRows(ROWS, names);
  const line = (result: Reported): void => world.out(`${JSON.stringify(result)}\n`);
  if (options.inside !== undefined && options.workdir !== undefined) {
    const scratch = scratchIn(options.workdir, options.inside);
    for (const one of chosen) await runRow(world, one, options.runs, scratch, line);
    return 0;
  }
  const machine = thisMachine();
  const before = load();
  world.err(`${machineText(machine, [before])}; ${options.runs} runs each\n`);
  const scratch = openScratch(options.workdir ?? null);
  const results: Reported[] = [];
  const isWhole = await runRows(world, chosen, options.runs, scratch, (result) => {
    results.push(result);
    if (options.json === true) line(result);
  });
  if (options.json !== true) world.out(`${resultTable(results)}\n\n${machineText(machine, [before, load()])}\n`);
  return isWhole ? 0 : 3;
}
