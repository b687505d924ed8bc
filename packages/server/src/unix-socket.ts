/** A UNIX socket to listen on: for its owner alone, one listener at a time, gone when it is closed. */
import { lstatSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { IoasisError } from "@ioasis/core";

/** sun_path of sockaddr_un (unix(7)) less its zero byte. */
const PATH_BYTES_MAX = 107;
const CONNECTIONS_MAX = 64;

/**
 * What a process that is gone left at `path` is taken away; anything else there is refused.
 * @throws IoasisError ERR_INPUT (no place for a socket), ERR_LOCKED (somebody listens there)
 */
export async function listenUnix(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX)
    throw new IoasisError("ERR_INPUT", `--socket ${path}: a socket's path has at most ${PATH_BYTES_MAX} bytes`);
  await takeAwayDead(path);
  const server = createServer({ allowHalfOpen: true }, onConnection);
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => reject(cannot(path, `cannot be made (${cause.message})`)));
    // Binding happens within the call: nobody else can open the socket before its mode is set.
    const before = process.umask(0o177);
    server.listen(path, () => resolve(server));
    process.umask(before);
  });
}

async function takeAwayDead(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return;
  if (!there.isSocket()) throw cannot(path, "is there and is no socket");
  if (await answers(path))
    throw new IoasisError("ERR_LOCKED", `--socket ${path}: another process listens there: stop it, or choose another`);
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => resolve(true)).on("error", () => resolve(false));
    probe.on("connect", () => probe.destroy());
  });
}

function cannot(path: string, why: string): IoasisError {
  return new IoasisError("ERR_INPUT", `--socket ${path} ${why}: choose another path`, { file: path });
}
