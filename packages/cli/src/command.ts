/** How a command is put together: options that many share, and one place where its failure is told. */
import { Command, InvalidArgumentError } from "commander";
import { tellFailure } from "./failure-exit.ts";
import type { CommonOptions, ExitCode, World } from "./world.ts";

/** Receives the exit code of the one command that ran. */
export type Finish = (code: ExitCode) => void;

export interface Shell {
  readonly world: World;
  readonly finish: Finish;
}

/** A command with the options that all have. */
export function command(usage: string, description: string): Command {
  return new Command(usage.split(" ")[0] as string)
    .usage(usage.split(" ").slice(1).join(" "))
    .description(description)
    .option("--db <directory>", "the journal (default: $IOASIS_DB, else the user's state directory)")
    .option("--json", "one JSON value on stdout (or one a line) instead of text");
}

/** Adds the options that narrow an answer. */
export function narrowed(command: Command): Command {
  return command
    .option("--context <name>", "the context, where the journal holds several")
    .option("--ioas <handle>", "only this space (ioas0)")
    .option("--device <name>", "only the spaces this device is attached to");
}

/** Runs `body` as the command's action; what it throws becomes a message and an exit code. */
export function run<Options extends CommonOptions>(
  { world, finish }: Shell,
  options: Options,
  body: (options: Options) => Promise<ExitCode>,
): Promise<void> {
  return body(options).then(finish, (error: unknown) => finish(tellFailure(world, error, options.json === true)));
}

/** One JSON value as the whole answer, or text for people. */
export function answer(world: World, options: CommonOptions, value: unknown, text: () => string): void {
  world.out(options.json === true ? `${JSON.stringify(value)}\n` : withNewline(text()));
}

/** One JSON object a line, or text for people. */
export function answerLines(world: World, options: CommonOptions, values: Iterable<unknown>, text: () => string): void {
  if (options.json !== true) world.out(withNewline(text()));
  else for (const value of values) world.out(`${JSON.stringify(value)}\n`);
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** A number above 0 as an option's value. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0)
    throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}
