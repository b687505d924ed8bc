import { IoasisError, JsonError, type JsonObject, outcomeToJson } from "@ioasis/core";
import { Engine, type Executed } from "@ioasis/store";
import type { Command } from "commander";
import { callerOf } from "../caller.ts";
import { command, run, type Shell } from "../command.ts";
import { openContent } from "../content.ts";
import { withJournal } from "../journal-choice.ts";
import type { CommonOptions, ExitCode, World } from "../world.ts";

/** UTF-16 code units of one command. */
const LINE_LENGTH_MAX = 1 << 20;
/** Groups that wait for the disk while the next ones are decided. */
const GROUPS_AHEAD_MAX = 16;
/** Commands of one group. */
const GROUP_COMMANDS_MAX = 512;

interface Options extends CommonOptions {
  readonly actor?: string;
}

export function applyCommand(shell: Shell): Command {
  const { world } = shell;
  return command("apply NAME [FILE|-]", "Commands in, one JSON object a line; outcomes out, each once it is durable")
    .argument("<name>", "a context that `ioasis create` made")
    .argument("[file]", "the commands; - or nothing: standard input", "-")
    .option("--actor <name>", "whom the events name (default: the user)")
    .action((name: string, file: string, options: Options) =>
      run(shell, options, (given) =>
        withJournal(world, given, "write", async (journal) => {
          const chunks = file === "-" ? world.input() : (await openContent(file)).chunks();
          const engine = Engine.open(journal, name, callerOf(world, given.actor));
          return applyAll(world, engine, linesOf(chunks, file), file);
        }),
      ),
    );
}

/** What came before a line that is no command is durable and was answered. */
async function applyAll(
  world: World,
  engine: Engine,
  groups: AsyncIterable<readonly string[]>,
  file: string,
): Promise<ExitCode> {
  const ahead: Promise<void>[] = [];
  let answered = Promise.resolve();
  const commit = (): void => {
    const outcomes = engine.commit();
    answered = Promise.all([outcomes, answered]).then(([executed]) => tell(world, executed));
    // It is awaited below, in order; until then a failure is nobody's.
    answered.catch(() => undefined);
    ahead.push(answered);
  };
  let line = 0;
  for await (const group of groups) {
    let failure: IoasisError | null = null;
    for (const text of group) {
      line++;
      failure = submitted(engine, text, line, file);
      if (failure !== null) break;
    }
    commit();
    if (failure !== null || world.signal.aborted) {
      await Promise.all(ahead);
      throw failure ?? new IoasisError("ERR_INTERRUPTED", `interrupted behind line ${line}: what was answered is kept`);
    }
    if (ahead.length >= GROUPS_AHEAD_MAX) await ahead.shift();
  }
  await Promise.all(ahead);
  return 0;
}

function submitted(engine: Engine, text: string, line: number, file: string): IoasisError | null {
  if (text.trim() === "") return null;
  const at = { file, line };
  const wrong = (reason: string): IoasisError =>
    new IoasisError("ERR_INPUT", `${file}, line ${line}: ${reason}: see docs/commands.md`, at);
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) return wrong("not a JSON object");
    engine.submit(json as JsonObject);
    return null;
  } catch (error) {
    if (error instanceof SyntaxError) return wrong(`not JSON (${error.message})`);
    if (error instanceof JsonError) return wrong(error.message);
    if (error instanceof IoasisError && error.code === "ERR_INPUT") return wrong(error.message);
    throw error;
  }
}

function tell(world: World, executed: readonly Executed[]): void {
  let text = "";
  for (const { version, outcome } of executed) text += `${JSON.stringify(outcomeToJson(outcome, version))}\n`;
  if (text !== "") world.out(text);
}

/** Lines as they come: those of one chunk are a group, so that a writer who waits gets its answer. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_LENGTH_MAX)
      throw new IoasisError("ERR_INPUT", `${file}: a line of more than ${LINE_LENGTH_MAX} characters is no command`);
    for (let from = 0; from < lines.length; from += GROUP_COMMANDS_MAX)
      yield lines.slice(from, from + GROUP_COMMANDS_MAX);
  }
  if (rest !== "") yield [rest];
}
