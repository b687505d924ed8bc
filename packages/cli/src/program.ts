/** The command line as a whole: every command under its name, wrong usage as exit code 2. */
import { IoasisError } from "@ioasis/core";
import { Command, CommanderError } from "commander";
import { applyCommand } from "./commands/apply.ts";
import { atCommand } from "./commands/at.ts";
import { benchCommand } from "./commands/bench.ts";
import { benchHostCommand } from "./commands/bench-host.ts";
import { bisectCommand } from "./commands/bisect.ts";
import { changesCommand } from "./commands/changes.ts";
import { compareCommand } from "./commands/compare.ts";
import { conformCommand } from "./commands/conform.ts";
import { contextsCommand } from "./commands/contexts.ts";
import { createCommand } from "./commands/create.ts";
import { demoCommand } from "./commands/demo.ts";
import { diffCommand } from "./commands/diff.ts";
import { branchesCommand, releaseCommand, takeoverCommand } from "./commands/epochs.ts";
import { explainCommand } from "./commands/explain.ts";
import { historyCommand } from "./commands/history.ts";
import { hostCommand } from "./commands/host.ts";
import { importCommand } from "./commands/import.ts";
import { layoutCommand } from "./commands/layout.ts";
import { logCommand } from "./commands/log.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { planCommand } from "./commands/plan.ts";
import { precheckCommand } from "./commands/precheck.ts";
import { rulesCommand } from "./commands/rules.ts";
import { serveCommand } from "./commands/serve.ts";
import { translateCommand } from "./commands/translate.ts";
import { verifyCommand } from "./commands/verify.ts";
import { whoCommand } from "./commands/who.ts";
import { tellFailure } from "./failure-exit.ts";
import { VERSION } from "./version.ts";
import type { ExitCode, World } from "./world.ts";

const COMMANDS = [
  importCommand,
  contextsCommand,
  logCommand,
  atCommand,
  diffCommand,
  historyCommand,
  whoCommand,
  changesCommand,
  bisectCommand,
  explainCommand,
  translateCommand,
  verifyCommand,
  compareCommand,
  conformCommand,
  layoutCommand,
  hostCommand,
  precheckCommand,
  rulesCommand,
  createCommand,
  applyCommand,
  planCommand,
  serveCommand,
  migrateCommand,
  releaseCommand,
  takeoverCommand,
  branchesCommand,
  benchCommand,
  demoCommand,
];

/** `--json` and `--db DIR` belong to every command and may stand before its name. */
function withLeadingOptionsLast(args: readonly string[]): string[] {
  const rest = [...args];
  const moved: string[] = [];
  for (;;) {
    if (rest[0] === "--json" || rest[0]?.startsWith("--db=")) moved.push(...rest.splice(0, 1));
    else if (rest[0] === "--db" && rest.length > 2) moved.push(...rest.splice(0, 2));
    else return rest.length === 0 ? moved : [...rest, ...moved];
  }
}

/** Runs one command line. @returns the exit code of the process */
export async function program(args: readonly string[], world: World): Promise<ExitCode> {
  let code: ExitCode = 0;
  const finish = (result: ExitCode): void => {
    code = result;
  };
  const root = new Command("ioasis")
    .description("Flight recorder and migration engine for I/O address spaces")
    .version(VERSION)
    .showSuggestionAfterError();
  for (const make of COMMANDS) root.addCommand(make({ world, finish }));
  root.addCommand(benchHostCommand({ world, finish }), { hidden: true });
  for (const each of [root, ...root.commands])
    each.exitOverride().configureOutput({ writeOut: (text) => world.out(text), writeErr: () => undefined });
  try {
    await root.parseAsync(withLeadingOptionsLast(args), { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    const message =
      error.code === "commander.help" ? "which command?" : error.message.replace(/^error: /, "").replace(/\.$/, "");
    return tellFailure(world, new IoasisError("ERR_USAGE", `${message}: see ioasis --help`), args.includes("--json"));
  }
  return code;
}
