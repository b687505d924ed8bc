/** `ioasis` as another process: what the demo shows is done by real processes over real sockets. */
import { type ChildProcess, spawn } from "node:child_process";
import { IoasisError } from "@ioasis/core";

const CHILD_SECONDS_MAX = 60;

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[]): ChildProcess {
  const script = process.argv[1];
  if (script === undefined) throw new IoasisError("ERR_USAGE", "the demo must be started as `ioasis demo`");
  return spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs one command to its end. */
export function runChild(args: readonly string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = start(args);
    const timer = setTimeout(() => child.kill("SIGKILL"), CHILD_SECONDS_MAX * 1000);
    let out = "";
    let err = "";
    child.stdout?.on("data", (chunk) => (out += chunk));
    child.stderr?.on("data", (chunk) => (err += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 3, out, err });
    });
  });
}

/** The JSON answer of a command that must succeed. */
export async function ask<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await runChild([...args, "--json"]);
  if (code !== 0)
    throw new IoasisError("ERR_INPUT", `ioasis ${args.join(" ")} ended with ${code}: ${err.trim() || out.trim()}`);
  return JSON.parse(out) as T;
}

export interface Service {
  /** The first line it printed. */
  readonly firstLine: string;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
}

/** Starts a command that goes on until it is told to stop, and waits for its first line. */
export function startService(args: readonly string[]): Promise<Service> {
  return new Promise((resolve, reject) => {
    const child = start(args);
    const ended = new Promise<void>((done) => child.on("close", () => done()));
    let out = "";
    let err = "";
    child.stderr?.on("data", (chunk) => (err += chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      reject(new IoasisError("ERR_NETWORK", `ioasis ${args[0]} ended with ${code}: ${err.trim()}`)),
    );
    child.stdout?.on("data", (chunk) => {
      out += chunk;
      const end = out.indexOf("\n");
      if (end < 0) return;
      const stop = async (): Promise<void> => {
        child.kill("SIGTERM");
        await ended;
      };
      resolve({ firstLine: out.slice(0, end), stop });
    });
  });
}
