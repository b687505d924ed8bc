import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { IoasisError } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import WebSocket from "ws";
import { FRAME_BYTES_MAX } from "./limits.ts";
import { transportContract } from "./transport.contract.ts";
import type { Connection } from "./transport.ts";
import { connectWebSocket, listenWebSocket } from "./websocket-transport.ts";

interface Listening {
  readonly url: string;
  /** The next connection that comes in. */
  accepted(): Promise<Connection>;
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

async function listen(): Promise<Listening> {
  const server: Server = createServer();
  const sockets = new Set<Socket>();
  const waiting: ((connection: Connection) => void)[] = [];
  const arrived: Connection[] = [];
  server.on("connection", (socket) => sockets.add(socket));
  const door = listenWebSocket(server, {
    onConnection: (connection) => {
      const next = waiting.shift();
      if (next === undefined) arrived.push(connection);
      else next(connection);
    },
    refuse: (path) => (path === "/" ? null : { status: 404, headers: {}, body: "" }),
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    accepted: () => {
      const connection = arrived.shift();
      return connection === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(connection);
    },
    close: async () => {
      await door.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

transportContract("websocket", async () => {
  const listening = await listen();
  const made: Connection[] = [];
  return {
    connect: async () => {
      const near = await connectWebSocket(listening.url);
      made.push(near);
      return [near, await listening.accepted()];
    },
    cut: () => {
      for (const socket of listening.sockets) socket.destroy();
    },
    close: async () => {
      await Promise.all(made.map((connection) => connection.close()));
      await listening.close();
    },
  };
});

const test = suite("websocket");

const failure = (work: Promise<unknown>): Promise<IoasisError> =>
  work.then(
    () => assert.unreachable("it should have failed") as never,
    (error: unknown) => {
      assert.instance(error, IoasisError);
      return error as IoasisError;
    },
  );

/** A client that is not ours. */
async function rudePeer(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("open", resolve));
  return socket;
}

test("nobody there: ERR_NETWORK, which names the URL and what to do", async () => {
  const error = await failure(connectWebSocket("ws://127.0.0.1:9"));
  assert.is(error.code, "ERR_NETWORK");
  assert.match(error.message, /cannot connect to ws:\/\/127\.0\.0\.1:9: .*ECONNREFUSED.*does serve run there/);
});

test("not a URL of this transport: ERR_USAGE", async () => {
  for (const url of ["http://127.0.0.1", "127.0.0.1:80", "ws://:::"])
    assert.is((await failure(connectWebSocket(url))).code, "ERR_USAGE");
});

test("a refused upgrade is ERR_NETWORK and tells the status", async () => {
  const listening = await listen();
  const error = await failure(connectWebSocket(`${listening.url}/elsewhere`));
  assert.is(error.code, "ERR_NETWORK");
  assert.match(error.message, "404");
  await listening.close();
});

test("a peer that ignores the frame limit is cut off with ERR_LIMIT", async () => {
  const listening = await listen();
  const rude = await rudePeer(listening.url);
  const connection = await listening.accepted();
  rude.send(new Uint8Array(FRAME_BYTES_MAX + 1));
  assert.is((await failure(connection.receive())).code, "ERR_LIMIT");
  await listening.close();
});

test("a text message is ERR_PROTOCOL", async () => {
  const listening = await listen();
  const rude = await rudePeer(listening.url);
  const connection = await listening.accepted();
  rude.send("hello");
  assert.is((await failure(connection.receive())).code, "ERR_PROTOCOL");
  await listening.close();
});

test("given up while connecting", async () => {
  const controller = new AbortController();
  controller.abort(new IoasisError("ERR_NETWORK", "interrupted"));
  assert.is(
    (await failure(connectWebSocket("ws://127.0.0.1:9", { signal: controller.signal }))).message,
    "interrupted",
  );
});

test.run();
