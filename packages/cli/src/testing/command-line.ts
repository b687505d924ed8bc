/** One command line in this process: no terminal, no input, a clock that stands. */
import path from "node:path";
import { program } from "../program.ts";
import type { ExitCode } from "../world.ts";

export interface Said {
  readonly status: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** `folder` is its home, with the journal in `db`. */
export async function runIn(folder: string, args: readonly string[]): Promise<Said> {
  let [out, err] = ["", ""];
  const status = await program(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    env: { IOASIS_DB: path.join(folder, "db"), HOME: folder },
    microseconds: () => 0n,
    async *input() {},
    isTerminal: false,
    signal: new AbortController().signal,
  });
  return { status, out, err };
}
