import { type Line, LineReader } from "@ioasis/capture";
import { type ConformReport, conformFile, type Disagreement, IoasisError, noCounts } from "@ioasis/core";
import type { Command } from "commander";
import { answer, command, run, type Shell } from "../command.ts";
import { wholeContent } from "../content.ts";
import { conformText } from "../format/conform-text.ts";
import type { CommonOptions } from "../world.ts";

interface Options extends CommonOptions {
  readonly kernel?: string;
  readonly host?: string;
}

/** A recording is one process' calls; all of them are held while it is replayed. */
const STEPS_MAX = 1_000_000;
const BYTES_MAX = 1 << 29;

export interface ConformAnswer {
  readonly files: number;
  steps: number;
  agreed: number;
  readonly disagreed: ({ readonly file: string } & Disagreement)[];
  readonly ignored: Record<string, number>;
  readonly flagged: Record<string, number>;
}

export function conformCommand(shell: Shell): Command {
  const { world } = shell;
  return command("conform FILE... [options]", "The model against recorded kernel calls; exit 1 when a step disagrees")
    .argument("<file...>", "vectors: a meta line, then one call a line; gzipped files are read as they are")
    .option("--kernel <release>", "model this kernel (6.12, 7.3) instead of the recording's")
    .option("--host <name>", "the IOMMU that VFIO devices sit behind, where a recording does not tell")
    .action((files: string[], options: Options) =>
      run(shell, options, async (given) => {
        const total: ConformAnswer = {
          files: files.length,
          steps: 0,
          agreed: 0,
          disagreed: [],
          ignored: noCounts(),
          flagged: noCounts(),
        };
        for (const file of files) add(total, file, conformOf(file, given));
        answer(world, given, total, () => conformText(total));
        return total.disagreed.length === 0 ? 0 : 1;
      }),
    );
}

function conformOf(file: string, { kernel, host }: Options): ConformReport {
  const lines: string[] = [];
  const reader = new LineReader();
  const onLine = ({ text }: Line): void => {
    if (lines.push(text) > STEPS_MAX)
      throw new IoasisError("ERR_LIMIT", `${file}: more than ${STEPS_MAX} lines: cut the recording into files`, {
        file,
      });
  };
  const onProblem = (line: number, reason: string): void => {
    throw new IoasisError("ERR_INPUT", `${file}: line ${line}: ${reason}`, { file, line });
  };
  reader.push(wholeContent(file, BYTES_MAX), onLine, onProblem);
  reader.end(onLine, onProblem);
  try {
    return conformFile(lines, {
      ...(kernel === undefined ? {} : { kernel }),
      ...(host === undefined ? {} : { host }),
    });
  } catch (error) {
    if (error instanceof IoasisError)
      throw new IoasisError(error.code, `${file}: ${error.message}`, { file, ...error.at });
    throw error;
  }
}

function add(total: ConformAnswer, file: string, { steps, agreed, disagreed, ignored, flagged }: ConformReport): void {
  total.steps += steps;
  total.agreed += agreed;
  total.disagreed.push(...disagreed.map((one) => ({ file, ...one })));
  addCounts(total.ignored, ignored);
  addCounts(total.flagged, flagged);
}

function addCounts(total: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) total[name] = (total[name] ?? 0) + count;
}
