import os from "node:os";
import path from "node:path";
import { hostOfSysfs, hostToJson } from "@ioasis/core";
import type { Command } from "commander";
import { answer, command, run, type Shell } from "../command.ts";
import { hostText } from "../format/host-text.ts";
import { readSysfs } from "../sysfs-files.ts";
import type { CommonOptions } from "../world.ts";

interface Options extends CommonOptions {
  readonly sysfs?: string;
  readonly name?: string;
}

export function hostCommand(shell: Shell): Command {
  return command(
    "host [--sysfs DIR]",
    "What this host's IOMMUs take, as precheck reads it; what /sys does not tell is null",
  )
    .option("--sysfs <directory>", "a copy of /sys (default: this machine's)")
    .option("--name <name>", "the host's name (default: this machine's, or the copy's directory)")
    .action((options: Options) =>
      run(shell, options, async (given) => {
        const { sysfs, name } = given;
        const host = name ?? (sysfs === undefined ? os.hostname() : path.basename(path.resolve(sysfs)));
        const profile = hostOfSysfs(host, await readSysfs(sysfs ?? "/sys"));
        answer(shell.world, given, hostToJson(profile), () => hostText(profile));
        return 0;
      }),
    );
}
