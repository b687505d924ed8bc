import { IoasisError } from "@ioasis/core";
import { migrate } from "@ioasis/migration";
import { connectWebSocket } from "@ioasis/replication";
import type { Journal } from "@ioasis/store";
import type { Command } from "commander";
import { answer, command, positiveNumber, run, type Shell } from "../command.ts";
import { openContent } from "../content.ts";
import { migrateText } from "../format/migrate-text.ts";
import { importFile } from "../import/import-file.ts";
import { Pace } from "../import/pace.ts";
import { withJournal } from "../journal-choice.ts";
import type { CommonOptions, ExitCode, World } from "../world.ts";

interface Options extends CommonOptions {
  readonly to: string;
  readonly downtimeLimit?: number;
  readonly play?: string;
  readonly pace?: number;
}

export function migrateCommand(shell: Shell): Command {
  return command(
    "migrate CONTEXT --to URL [options]",
    "Move a context to another host: follow, fence, verify, hand over",
  )
    .argument("<context>", "the context; with --play it may be a new one")
    .requiredOption("--to <url>", "where `ioasis serve` listens: ws://HOST:PORT")
    .option(
      "--downtime-limit <ms>",
      "give up (and stay the owner) rather than fence with more than this to do",
      positiveNumber,
    )
    .option("--play <file>", "append this recording while the destination follows; the fence comes at its end")
    .option("--pace <n>", "with --play: at N times the recorded speed", positiveNumber)
    .action((context: string, options: Options) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "write", (journal) => move(shell.world, journal, context, given)),
      ),
    );
}

async function move(world: World, journal: Journal, context: string, options: Options): Promise<ExitCode> {
  if (options.pace !== undefined && options.play === undefined)
    throw new IoasisError("ERR_USAGE", "--pace needs --play: there is no recording to play");
  if (journal.context(context) === null) {
    if (options.play === undefined)
      throw new IoasisError(
        "ERR_NO_CONTEXT",
        `${context}: the journal has no such context (ioasis contexts lists them)`,
        { context },
      );
  }
  const connection = await connectWebSocket(options.to, { signal: world.signal });
  try {
    const result = await migrate({
      journal,
      context,
      connection,
      ...(options.play === undefined ? {} : { feed: feedOf(world, journal, context, options.play, options.pace) }),
      ...(options.downtimeLimit === undefined ? {} : { downtimeLimitMs: options.downtimeLimit }),
      onProgress: () => undefined,
      signal: world.signal,
    });
    const pauseMs = result.pauseMs === null ? null : Math.round(result.pauseMs * 1000) / 1000;
    answer(world, options, { ...result, pauseMs }, () => migrateText(result));
    if (result.outcome === "completed") return 0;
    world.err(`ioasis: the migration is ${result.outcome}: ${result.reason}\n`);
    return 1;
  } finally {
    await connection.close();
  }
}

/** Plays a recording into the context; resolves at its end, the switchover. */
function feedOf(world: World, journal: Journal, context: string, file: string, pace: number | undefined) {
  return async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
    const { contexts, events, known } = await importFile(journal, file, await openContent(file), {
      format: "auto",
      context,
      pace: pace === undefined ? null : new Pace(pace),
      onDrift: ({ version, rule, line }) => world.err(`${file}:${line}: drift at version ${version}: ${rule}\n`),
      onProgress: () => undefined,
      signal: AbortSignal.any([world.signal, signal]),
    });
    if (events + known === 0)
      throw new IoasisError("ERR_INPUT", `--play ${file}: no event is in it: there is nothing to move`, { file });
    const others = contexts.filter((name) => name !== context);
    if (others.length > 0)
      world.err(`ioasis: --play ${file}: only ${context} is moved, ${others.join(", ")} stay here\n`);
  };
}
