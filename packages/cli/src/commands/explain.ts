import { FaultScanner, type Line, LineReader } from "@ioasis/capture";
import { IoasisError } from "@ioasis/core";
import { clocksOf, explainFault, type Fault } from "@ioasis/history";
import type { Command } from "commander";
import { answerLines, command, run, type Shell } from "../command.ts";
import { openContent } from "../content.ts";
import { explainText } from "../format/explain-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { MomentOptions } from "../world.ts";

/** Faults of one file that are explained; a log of more is cut there, and says so. */
const FAULTS_MAX = 10_000;

interface Options extends MomentOptions {
  readonly file?: string;
}

export function explainCommand(shell: Shell): Command {
  const { world } = shell;
  return command("explain LINE... | --file FILE [options]", "What a DMA fault was about; exit 1 when no fault is found")
    .argument("[line...]", "lines of dmesg, or io_page_fault lines of a trace")
    .option("--file <file>", "read the lines from a file")
    .option("--context <name>", "the context, where the journal holds several")
    .option("--at <moment>", "look at this moment instead of the fault's own time")
    .action((lines: string[], options: Options) =>
      run(shell, options, async (given) => {
        if ((given.file === undefined) === (lines.length === 0))
          throw new IoasisError("ERR_USAGE", "give the fault's lines, or --file with a log that has them");
        const faults = given.file === undefined ? faultsIn(lines) : await faultsOfFile(given.file);
        if (faults.length > FAULTS_MAX)
          world.err(`ioasis: more than ${FAULTS_MAX} faults found; only the first ${FAULTS_MAX} are explained\n`);
        return withJournal(world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const clocks = clocksOf(journal, name);
          const answers = faults
            .slice(0, FAULTS_MAX)
            .map((fault) => explainFault(journal, name, fault, { at: given.at, clocks }));
          if (answers.length === 0) world.err("ioasis: no DMA fault found in these lines\n");
          answerLines(world, given, answers, () => answers.map(explainText).join("\n\n"));
          return answers.length > 0 ? 0 : 1;
        });
      }),
    );
}

function faultsIn(lines: readonly string[]): Fault[] {
  const scanner = new FaultScanner();
  // One argument may hold several lines, as they come from a copied log.
  const found = lines.flatMap((text) => text.split("\n")).flatMap((text, index) => scanner.line(text, index + 1));
  return [...found, ...scanner.end()];
}

async function faultsOfFile(file: string): Promise<Fault[]> {
  const scanner = new FaultScanner();
  const reader = new LineReader();
  const faults: Fault[] = [];
  const onLine = ({ text, number }: Line): void => void faults.push(...scanner.line(text, number));
  for await (const chunk of (await openContent(file)).chunks()) {
    reader.push(chunk, onLine, () => undefined);
    if (faults.length > FAULTS_MAX) return faults;
  }
  reader.end(onLine, () => undefined);
  return [...faults, ...scanner.end()];
}
