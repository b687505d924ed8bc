/**
 * Commands over a UNIX socket. A conversation is one about one context: its first line names the context (and
 * may make it), every further line is a command of its profile, as `ioasis apply` takes them.
 *
 * | line in | line out |
 * |---|---|
 * | `{"context":NAME,"actor":TEXT?,"create":{...}?}` | `{"context","profile","epoch","version","guest"?}` |
 * | a command | its outcome, once it is durable |
 * | what is neither | `{"error":{"code","message","at"}}`, and the end |
 */
import type { Socket } from "node:net";
import { type ContextCreated, contextCreated, guestOf, IoasisError, type JsonObject, kernelOf } from "@ioasis/core";
import { type Caller, createContext, type Engine, type Journal } from "@ioasis/store";
import { applyLines, lineGroups } from "./command-lines.ts";
import type { Engines } from "./engines.ts";

const SOURCE = "socket";
const CREATE_FIELDS = ["profile", "kernel", "policy", "layout", "hosts", "machine", "implementation", "endpoints"];

export interface CommandDoor {
  readonly journal: Journal;
  readonly engines: Engines;
  /** Whom and when the events of a conversation name. `actor`: as its first line says. */
  readonly callerOf: (actor: string) => Caller;
  readonly signal: AbortSignal;
}

interface Opening {
  readonly context: string;
  readonly actor: string;
  readonly create: ContextCreated | null;
}

/** Resolves when the conversation is over, however it ended. */
export async function converse(socket: Socket, door: CommandDoor): Promise<void> {
  // A peer that goes away ends the conversation; what it was told of is durable.
  socket.on("error", () => socket.destroy());
  const groups = lineGroups(chunksOf(socket, door.signal), SOURCE);
  try {
    const first = await groups.next();
    if (first.done === true) return;
    const [line = "", ...rest] = first.value;
    await speak(socket, door, openingOf(line), behind(rest, groups));
  } catch (error) {
    if (!(error instanceof IoasisError)) throw error;
    const { code, message, at } = error;
    if (socket.writable) socket.write(`${JSON.stringify({ error: { code, message, at } })}\n`);
  } finally {
    socket.end();
    socket.destroySoon();
  }
}

async function speak(
  socket: Socket,
  { journal, engines, callerOf, signal }: CommandDoor,
  { context, actor, create }: Opening,
  groups: AsyncIterable<readonly string[]>,
): Promise<void> {
  const caller = callerOf(actor);
  if (create !== null) await createContext(journal, context, create, caller);
  const engine = engines.take(context);
  try {
    await write(socket, `${JSON.stringify(openedLine(journal, context, engine, create))}\n`);
    const put = (text: string) => write(socket, text);
    await applyLines({ engine, caller, groups, source: SOURCE, linesBefore: 1, write: put, signal });
  } finally {
    await engines.give(context, engine);
  }
}

function openedLine(journal: Journal, context: string, engine: Engine, create: ContextCreated | null): JsonObject {
  const info = journal.context(context);
  const guest = create === null ? null : guestOf(create);
  const { version } = engine.model.state;
  const line = { context, profile: info?.profile ?? null, epoch: info?.epochs.at(-1)?.epoch ?? null, version };
  return guest === null ? line : { ...line, guest };
}

/** @throws IoasisError ERR_INPUT, ERR_LIMIT */
function openingOf(text: string): Opening {
  const wrong = (reason: string): IoasisError =>
    new IoasisError(
      "ERR_INPUT",
      `${SOURCE}, line 1: ${reason}: the first line is {"context":NAME}, see docs/socket.md`,
      {
        file: SOURCE,
        line: 1,
      },
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw wrong(`not JSON (${error instanceof Error ? error.message : "damaged"})`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw wrong("not a JSON object");
  const { context, actor = "socket", create = null, ...others } = json as JsonObject;
  const [other] = Object.keys(others);
  if (other !== undefined) throw wrong(`"${other}" is no field of it`);
  if (typeof context !== "string" || context === "") throw wrong('"context" is not a name');
  if (typeof actor !== "string" || actor === "") throw wrong('"actor" is not a name');
  return { context, actor, create: create === null ? null : createdOf(create, wrong) };
}

function createdOf(create: unknown, wrong: (reason: string) => IoasisError): ContextCreated {
  if (typeof create !== "object" || create === null || Array.isArray(create)) throw wrong('"create" is not an object');
  const {
    profile,
    kernel = null,
    policy = null,
    layout = null,
    hosts = [],
    machine = null,
    ...rest
  } = create as JsonObject;
  const other = Object.keys(create).find((field) => !CREATE_FIELDS.includes(field));
  if (other !== undefined) throw wrong(`"create" has no "${other}"; it may have ${CREATE_FIELDS.join(", ")}`);
  if (typeof profile !== "string") throw wrong('"create" names no "profile"');
  for (const [field, value] of Object.entries({ kernel, policy, machine }))
    if (value !== null && typeof value !== "string") throw wrong(`"${field}" of "create" is not a text`);
  if (!Array.isArray(hosts)) throw wrong('"hosts" of "create" is not a list');
  const known = profile as ContextCreated["profile"];
  const { implementation, endpoints } = rest;
  if (implementation !== undefined && typeof implementation !== "string")
    throw wrong('"implementation" of "create" is not a text');
  return contextCreated({
    profile: known,
    kernel: kernelOf(known, kernel as string | null),
    policy: policy as string | null,
    layout,
    hosts,
    machine: machine as string | null,
    ...(implementation === undefined ? {} : { implementation }),
    ...(endpoints === undefined ? {} : { endpoints: endpoints as never }),
  });
}

/** What the peer sends, until it has no more, is gone, or the service ends. */
async function* chunksOf(socket: Socket, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const chunks = socket.iterator({ destroyOnReturn: false });
  const ended = new Promise<{ readonly done: true }>((resolve) => {
    if (signal.aborted) resolve({ done: true });
    signal.addEventListener("abort", () => resolve({ done: true }), { once: true });
  });
  for (;;) {
    const next = await Promise.race([ended, chunks.next().catch(() => ({ done: true }) as const)]);
    if (next.done === true) return;
    yield next.value as Uint8Array;
  }
}

async function* behind(
  first: readonly string[],
  groups: AsyncIterable<readonly string[]>,
): AsyncGenerator<readonly string[], void> {
  if (first.length > 0) yield first;
  yield* groups;
}

/** Resolves when the peer has taken enough of what was written before, or is gone. */
async function write(socket: Socket, text: string): Promise<void> {
  if (text === "" || !socket.writable || socket.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
