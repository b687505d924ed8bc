import { IoasisError } from "@ioasis/core";
import type { Command } from "commander";
import { Option } from "commander";
import { chosenRows } from "../bench/chosen.ts";
import { curvesOf, curveTable } from "../bench/growth.ts";
import { load, machineText, thisMachine } from "../bench/machine.ts";
import { drawPages, savePages } from "../bench/pages.ts";
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
  readonly out?: string;
  readonly redraw?: true;
  readonly inside?: string;
  readonly task?: string;
}

export function benchCommand(shell: Shell): Command {
  const ids = ROWS.map(({ id }) => id).join(", ");
  return command("bench [NAME[@SIZE]...]", `Measure, beside peers in the same run: ${ids}`)
    .argument("[name...]", "which rows, and in which size: who, who@1M (default: all in their usual sizes)")
    .option("--runs <number>", "runs of each, of which the median counts", positiveNumber, RUNS)
    .option("--workdir <directory>", "where histories are made, and kept for the next time (default: temporary)")
    .option("--out <directory>", "write what was measured there, and the pages made from it")
    .option("--redraw", "with --out: make the pages again from what was measured before")
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
  if (options.redraw === true) {
    if (options.out === undefined) throw new IoasisError("ERR_USAGE", "--redraw needs --out: the folder of the pages");
    drawPages(options.out);
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
  if (options.out !== undefined) savePages(options.out, results);
  if (options.json !== true) world.out(`${report(results)}\n\n${machineText(machine, [before, load()])}\n`);
  return isWhole ? 0 : 3;
}

function report(results: readonly Reported[]): string {
  const curves = curvesOf(results);
  const rows = results.filter(({ events }) => events === null);
  const tables = [rows.length > 0 ? resultTable(rows) : "", curves.length > 0 ? curveTable(curves) : ""];
  return tables.filter((one) => one !== "").join("\n\n");
}
