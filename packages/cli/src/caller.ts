/** Who makes a call from the command line, and when: the events of live contexts bear it. */
import os from "node:os";
import type { Stamp } from "@ioasis/core";
import type { Caller } from "@ioasis/store";
import type { World } from "./world.ts";

const MICROSECOND_DECIMALS = 6;

/** `name`: what `--actor` gives; else the user whose command it is. */
export function callerOf(world: World, name: string | undefined): Caller {
  const stamp = (): Stamp => ({ clock: "realtime", ticks: world.microseconds(), decimals: MICROSECOND_DECIMALS });
  return {
    stamp,
    actor: { comm: name ?? os.userInfo().username, pid: process.pid, tid: null, cpu: null, flags: null },
  };
}
