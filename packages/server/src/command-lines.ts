/**
 * Commands as lines, outcomes as lines: what `ioasis apply` and the socket of `ioasis serve` speak.
 *
 * One JSON object a line in, one out, in order, each once its events are durable. Decisions run ahead of the
 * disk; what came before a line that is no command is durable and was answered.
 */
import { IoasisError, JsonError, type JsonObject, outcomeToJson } from "@ioasis/core";
import type { Caller, Engine, Executed } from "@ioasis/store";

/** UTF-16 code units of one command. */
const LINE_LENGTH_MAX = 1 << 20;
/** Groups that wait for the disk while the next ones are decided. */
const GROUPS_AHEAD_MAX = 16;
/** Commands of one group. */
const GROUP_COMMANDS_MAX = 512;

export interface CommandLines {
  readonly engine: Engine;
  /** Whom the events name; left out: the engine's own. */
  readonly caller?: Caller;
  readonly groups: AsyncIterable<readonly string[]>;
  /** Where the lines come from, for messages. */
  readonly source: string;
  /** Lines that were read from the source before. */
  readonly linesBefore?: number;
  /** Takes whole lines of outcomes; resolves when there is room for more. */
  readonly write: (text: string) => void | Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Resolves at the end of the lines, when every one is answered.
 * @throws IoasisError ERR_INPUT with the line that is no command; ERR_INTERRUPTED; as `Engine.commit`
 */
export async function applyLines(lines: CommandLines): Promise<void> {
  const { engine, groups, source, signal, write } = lines;
  const ahead: Promise<void>[] = [];
  let answered: Promise<void> = Promise.resolve();
  const commit = (): void => {
    const outcomes = engine.commit();
    answered = Promise.all([outcomes, answered]).then(([executed]) => write(textOf(executed)));
    // It is awaited below, in order; until then a failure is nobody's.
    answered.catch(() => undefined);
    ahead.push(answered);
  };
  let line = lines.linesBefore ?? 0;
  for await (const group of groups) {
    let failure: IoasisError | null = null;
    for (const text of group) {
      line++;
      failure = submitted(lines, text, line);
      if (failure !== null) break;
    }
    commit();
    if (failure !== null || signal.aborted) {
      await Promise.all(ahead);
      const message = `interrupted behind line ${line} of ${source}: what was answered is kept`;
      throw failure ?? new IoasisError("ERR_INTERRUPTED", message);
    }
    if (ahead.length >= GROUPS_AHEAD_MAX) await ahead.shift();
  }
  await Promise.all(ahead);
}

function submitted({ engine, caller, source }: CommandLines, text: string, line: number): IoasisError | null {
  if (text.trim() === "") return null;
  const wrong = (reason: string): IoasisError =>
    new IoasisError("ERR_INPUT", `${source}, line ${line}: ${reason}: see docs/commands.md`, { file: source, line });
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) return wrong("not a JSON object");
    engine.submit(json as JsonObject, caller);
    return null;
  } catch (error) {
    if (error instanceof SyntaxError) return wrong(`not JSON (${error.message})`);
    if (error instanceof JsonError) return wrong(error.message);
    if (error instanceof IoasisError && error.code === "ERR_INPUT") return wrong(error.message);
    throw error;
  }
}

function textOf(executed: readonly Executed[]): string {
  let text = "";
  for (const { version, outcome } of executed) text += `${JSON.stringify(outcomeToJson(outcome, version))}\n`;
  return text;
}

/**
 * Lines as they come: those of one chunk are a group, so that a writer who waits gets its answer.
 * @throws IoasisError ERR_INPUT when a line has no end
 */
export async function* lineGroups(
  chunks: AsyncIterable<Uint8Array>,
  source: string,
): AsyncGenerator<readonly string[], void> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_LENGTH_MAX)
      throw new IoasisError("ERR_INPUT", `${source}: a line of more than ${LINE_LENGTH_MAX} characters is no command`);
    for (let from = 0; from < lines.length; from += GROUP_COMMANDS_MAX)
      yield lines.slice(from, from + GROUP_COMMANDS_MAX);
  }
  if (rest !== "") yield [rest];
}
