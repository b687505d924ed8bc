/** The end point that other replicas reach: a WebSocket at `/`, a little HTTP beside it, a socket for commands. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { IoasisError } from "@ioasis/core";
import { type DestinationEvent, receiveFrom } from "@ioasis/migration";
import { type Connection, listenWebSocket, Replica } from "@ioasis/replication";
import type { Caller, Journal } from "@ioasis/store";
import { converse } from "./command-door.ts";
import { contextLine } from "./context-json.ts";
import { Engines } from "./engines.ts";
import { answerTo, failure, type HttpAnswer } from "./http-answer.ts";
import { watchIndex } from "./index-watch.ts";
import { metricsText } from "./metrics.ts";
import { listenUnix } from "./unix-socket.ts";

/** A request's head must be there within this time, RFC 9110 408. */
const HEADERS_MS_MAX = 10_000;
const CONNECTIONS_MAX = 256;

export interface ServeOptions {
  readonly journal: Journal;
  readonly listen: { readonly host: string; readonly port: number };
  /** A UNIX socket that takes commands; left out: none. `callerOf`: whom and when their events name. */
  readonly commands?: { readonly path: string; readonly callerOf: (actor: string) => Caller };
  /** One line for people about what goes on. */
  readonly onEvent?: (line: string) => void;
  /** Closes the server. */
  readonly signal?: AbortSignal;
}

export interface Service {
  /** What `migrate --to` takes. */
  readonly url: string;
  /** Accepts nothing new, ends every conversation behind its current message. The journal stays open. Idempotent. */
  close(): Promise<void>;
}

/** @throws IoasisError ERR_NETWORK when the address cannot be listened on */
export async function serve({ journal, listen, commands, onEvent, signal }: ServeOptions): Promise<Service> {
  const replica = new Replica(journal);
  const conversations = new Set<Promise<void>>();
  const counters = { connections: 0, connectionsTotal: 0, claimsTotal: 0 };
  const server = createServer({ headersTimeout: HEADERS_MS_MAX, requestTimeout: HEADERS_MS_MAX });
  server.maxConnections = CONNECTIONS_MAX;

  const onConnection = (connection: Connection) => {
    counters.connections++;
    counters.connectionsTotal++;
    const conversation = receiveFrom(connection, replica, (event) => {
      if (event.kind === "claimed") counters.claimsTotal++;
      onEvent?.(eventText(event));
    }).finally(() => {
      counters.connections--;
      conversations.delete(conversation);
    });
    conversations.add(conversation);
  };
  const door = listenWebSocket(server, {
    onConnection,
    refuse: (path) => (path === "/" ? null : failure(404, "ERR_INPUT", `the WebSocket is at /, not at ${path}`)),
  });
  answerRequests(server, {
    replica: journal.replica,
    contexts: () => journal.contexts().map(({ name }) => contextLine(journal, name)),
    metrics: () => metricsText(replica, counters),
  });
  const socket = commands === undefined ? null : await openSocket(journal, commands);
  const url = await listenOn(server, listen).catch(async (error: unknown) => {
    await socket?.close();
    throw error;
  });

  const index = watchIndex(journal, (message) => onEvent?.(`the history index stands still: ${message}`));
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= (async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.all([door.close(), socket?.close(), index.close()]);
      await Promise.all(conversations);
      server.closeAllConnections();
      await closed;
    })();
    return closing;
  };
  if (signal?.aborted) await close();
  else signal?.addEventListener("abort", () => void close(), { once: true });
  return { url, close };
}

/** @throws IoasisError as `listenUnix` */
async function openSocket(
  journal: Journal,
  { path, callerOf }: NonNullable<ServeOptions["commands"]>,
): Promise<{ close(): Promise<void> }> {
  const conversations = new Set<Promise<void>>();
  const end = new AbortController();
  const door = { journal, engines: new Engines(journal), callerOf, signal: end.signal };
  const server = await listenUnix(path, (socket) => {
    const conversation = converse(socket, door).finally(() => conversations.delete(conversation));
    conversations.add(conversation);
  });
  return {
    /** What was answered is durable; who waits for a next command is let go. */
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      end.abort();
      await Promise.all(conversations);
      await closed;
    },
  };
}

function answerRequests(server: Server, answers: Parameters<typeof answerTo>[2]): void {
  server.on("request", (request, response) => {
    const [path = "/"] = (request.url ?? "/").split("?");
    const { status, headers, body }: HttpAnswer = answerTo(request.method ?? "GET", path, answers);
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(body), "cache-control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  // A request that is not HTTP at all, RFC 9110 400.
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
}

function listenOn(server: Server, { host, port }: ServeOptions["listen"]): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot listen on ${host}:${port}: ${cause.message}. Choose another --listen`;
      reject(new IoasisError("ERR_NETWORK", message, { host, port }, { cause }));
    });
    server.listen(port, host, () => {
      const { port: bound } = server.address() as AddressInfo;
      resolve(`ws://${host.includes(":") ? `[${host}]` : host}:${bound}`);
    });
  });
}

function eventText({ kind, peer, context, detail }: DestinationEvent): string {
  return `${peer}: ${kind}${context === null ? "" : ` "${context}"`}${detail === "" ? "" : `: ${detail}`}`;
}
