/** Connections over WebSocket (RFC 6455): one binary message is one frame. */
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { IoasisError } from "@ioasis/core";
import WebSocket, { WebSocketServer } from "ws";
import { FrameQueue } from "./frame-queue.ts";
import { CONNECT_MS_MAX, FRAME_BYTES_MAX, OUTGOING_BYTES_MAX, PING_INTERVAL_MS, SILENCE_MS_MAX } from "./limits.ts";
import type { Connection } from "./transport.ts";

/** Close code for a frame over the limit, RFC 6455 7.4.1. */
const CLOSE_TOO_BIG = 1009;
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED = 1003;
/** After `close` the other end has this long to answer. */
const CLOSING_MS_MAX = 2_000;

class WebSocketConnection implements Connection {
  readonly peer: string;
  readonly #socket: WebSocket;
  readonly #queue: FrameQueue;
  readonly #closed: Promise<void>;
  #senders: (() => void)[] = [];
  #heardAt = performance.now();
  #failure: IoasisError | null = null;

  constructor(socket: WebSocket, peer: string) {
    this.peer = peer;
    this.#socket = socket;
    this.#queue = new FrameQueue(() => {
      if (socket.isPaused && !this.#queue.isFull) socket.resume();
    });
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("pong", () => this.#heard());
    socket.on("ping", () => this.#heard());
    socket.on("error", (error) => this.#onError(error));
    const pinging = setInterval(() => this.#ping(), PING_INTERVAL_MS);
    this.#closed = new Promise((resolve) => {
      socket.once("close", (code) => {
        clearInterval(pinging);
        this.#onClose(code);
        resolve();
      });
    });
  }

  async send(frame: Uint8Array): Promise<void> {
    if (frame.byteLength > FRAME_BYTES_MAX) {
      const message = `a frame of ${frame.byteLength} bytes for ${this.peer} is larger than ${FRAME_BYTES_MAX} bytes`;
      throw new IoasisError("ERR_LIMIT", message, { peer: this.peer, bytes: frame.byteLength });
    }
    if (this.#socket.readyState !== WebSocket.OPEN) throw this.#ended();
    this.#socket.send(frame, { binary: true }, () => this.#wakeSenders());
    while (this.#socket.readyState === WebSocket.OPEN && this.#socket.bufferedAmount > OUTGOING_BYTES_MAX)
      await new Promise<void>((resolve) => this.#senders.push(resolve));
  }

  receive(): Promise<Uint8Array | null> {
    return this.#queue.take();
  }

  async close(): Promise<void> {
    const { readyState } = this.#socket;
    this.#queue.discard();
    if (readyState === WebSocket.OPEN) this.#socket.close(CLOSE_NORMAL);
    const timer = setTimeout(() => this.#socket.terminate(), CLOSING_MS_MAX);
    await this.#closed;
    clearTimeout(timer);
  }

  #onMessage(data: WebSocket.RawData, isBinary: boolean): void {
    this.#heard();
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.#fail(new IoasisError("ERR_PROTOCOL", `${this.peer} sent a text message`, { peer: this.peer }));
      this.#socket.close(CLOSE_UNSUPPORTED);
      return;
    }
    this.#queue.push(data);
    if (this.#queue.isFull) this.#socket.pause();
  }

  #onError(error: Error & { code?: string }): void {
    const at = { peer: this.peer };
    if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") this.#fail(peerFrameTooLarge(this.peer));
    else
      this.#fail(
        new IoasisError("ERR_NETWORK", `connection with ${this.peer}: ${error.message}`, at, { cause: error }),
      );
  }

  #onClose(code: number): void {
    this.#wakeSenders();
    if (this.#failure === null && code === CLOSE_TOO_BIG) {
      const message = `${this.peer} refused a frame as too large`;
      this.#fail(new IoasisError("ERR_LIMIT", message, { peer: this.peer }));
    }
    if (this.#failure === null && code !== CLOSE_NORMAL)
      this.#fail(
        new IoasisError("ERR_NETWORK", `the connection with ${this.peer} was lost (close code ${code})`, {
          peer: this.peer,
        }),
      );
    this.#queue.end(this.#failure);
  }

  #fail(error: IoasisError): void {
    this.#failure ??= error;
    this.#queue.end(this.#failure);
  }

  #ended(): IoasisError {
    return (
      this.#failure ?? new IoasisError("ERR_NETWORK", `the connection with ${this.peer} has ended`, { peer: this.peer })
    );
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  #ping(): void {
    // While this end does not read it cannot hear either.
    if (this.#socket.isPaused) this.#heard();
    if (performance.now() - this.#heardAt > SILENCE_MS_MAX) {
      const message = `nothing heard from ${this.peer} for ${SILENCE_MS_MAX / 1000} s`;
      this.#fail(new IoasisError("ERR_NETWORK", message, { peer: this.peer }));
      this.#socket.terminate();
    } else if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  #wakeSenders(): void {
    for (const resolve of this.#senders.splice(0)) resolve();
  }
}

function peerFrameTooLarge(peer: string): IoasisError {
  return new IoasisError("ERR_LIMIT", `${peer} sent a frame larger than ${FRAME_BYTES_MAX} bytes`, { peer });
}

/**
 * Reaches a replica at a `ws://` or `wss://` URL.
 * @throws IoasisError ERR_USAGE (no such URL), ERR_NETWORK (nobody answers)
 */
export async function connectWebSocket(
  url: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Connection> {
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url))
    throw new IoasisError("ERR_USAGE", `${url} is not a ws:// or wss:// URL`, { url });
  signal?.throwIfAborted();
  const socket = new WebSocket(url, {
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
    handshakeTimeout: CONNECT_MS_MAX,
  });
  const abort = () => socket.terminate();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    // The connection listens before the socket is open, so that no early frame is missed.
    const connection = new WebSocketConnection(socket, url);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", (error) => reject(cannotConnect(url, error)));
      socket.once("close", () => reject(cannotConnect(url, new Error("closed during the handshake"))));
    });
    return connection;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function cannotConnect(url: string, error: Error & { code?: string; errors?: readonly Error[] }): IoasisError {
  const what = error.message || error.errors?.map(({ message }) => message).join("; ") || error.code || "no answer";
  return new IoasisError(
    "ERR_NETWORK",
    `cannot connect to ${url}: ${what} (does serve run there?)`,
    { url },
    { cause: error },
  );
}

/** An answer instead of an upgrade. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface WebSocketDoorOptions {
  readonly onConnection: (connection: Connection) => void;
  /** Null lets the request for `path` in. */
  readonly refuse: (path: string) => UpgradeRefusal | null;
}

/** The WebSocket side of an HTTP server. */
export interface WebSocketDoor {
  /** Turns later upgrades away and closes every connection. */
  close(): Promise<void>;
}

/** Takes the upgrade requests of `server`. */
export function listenWebSocket(server: Server, { onConnection, refuse }: WebSocketDoorOptions): WebSocketDoor {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: FRAME_BYTES_MAX, perMessageDeflate: false });
  const connections = new Set<Connection>();
  let isOpen = true;
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const [path = "/"] = (request.url ?? "/").split("?");
    const refusal = isOpen ? refuse(path) : CLOSING;
    if (refusal !== null) return turnAway(socket, refusal);
    sockets.handleUpgrade(request, socket, head, (opened) => {
      const { remoteAddress = "unknown", remotePort = 0 } = request.socket;
      const connection = new WebSocketConnection(opened, `${remoteAddress}:${remotePort}`);
      connections.add(connection);
      opened.once("close", () => connections.delete(connection));
      onConnection(connection);
    });
  });
  return {
    close: async () => {
      isOpen = false;
      await Promise.all([...connections].map((connection) => connection.close()));
    },
  };
}

const CLOSING: UpgradeRefusal = { status: 503, headers: {}, body: "" };

function turnAway(socket: Duplex, { status, headers, body }: UpgradeRefusal): void {
  const lines = Object.entries({ ...headers, connection: "close", "content-length": String(Buffer.byteLength(body)) })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  socket.on("error", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines}\r\n${body}`);
}
