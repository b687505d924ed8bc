import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { command, run, type Shell } from "../command.ts";
import { explainStep } from "../demo/explain-step.ts";
import { migrationSteps } from "../demo/migration-steps.ts";
import { Story } from "../demo/story.ts";
import type { CommonOptions } from "../world.ts";

interface Options extends CommonOptions {
  readonly keep?: boolean;
}

export function demoCommand(shell: Shell): Command {
  const { world } = shell;
  return command("demo [options]", "The main job on recordings of real kernels: replay, move, verify, explain")
    .option("--keep", "keep the two journals and say where they are")
    .action((options: Options) =>
      run(shell, options, async (given) => {
        const folder = await mkdtemp(path.join(os.tmpdir(), "ioasis-demo-"));
        const story = new Story(world);
        try {
          await migrationSteps(world, story, folder);
          await explainStep(world, story, folder);
        } finally {
          if (given.keep !== true) await rm(folder, { recursive: true, force: true });
        }
        story.end(given.keep === true ? folder : null);
        return story.isAsExpected ? 0 : 1;
      }),
    );
}
