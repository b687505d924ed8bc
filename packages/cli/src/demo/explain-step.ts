/** A real DMA fault: the kernel's log line, explained by the trace of the same boot. */
import path from "node:path";
import type { World } from "../world.ts";
import { ask, runChild } from "./child.ts";
import { recording } from "./recordings.ts";
import type { Story } from "./story.ts";

interface Explanation {
  readonly fault: { readonly iova: string | null; readonly clock: { readonly seconds: string } | null };
  readonly verdict: string;
  readonly mappedAt: Moment | null;
  readonly unmappedAt: Moment | null;
  readonly gapSeconds: number | null;
}

interface Moment {
  readonly version: number;
  readonly clock: { readonly seconds: string } | null;
}

const FAULT = { iova: "0x100000", seconds: "28.381389" };

export async function explainStep(world: World, story: Story, folder: string): Promise<void> {
  const db = path.join(folder, "fault");
  story.step("A real DMA fault: which mapping did the device miss?");
  await ask("import", recording(world, "vfio-intel48.trace.txt.gz"), "--db", db);
  const log = recording(world, "vfio-intel48.dmesg.txt.gz");
  const { out } = await runChild(["explain", "--file", log, "--db", db, "--json"]);
  const all = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Explanation);
  const index = all.findIndex(({ fault }) => fault.iova === FAULT.iova && fault.clock?.seconds === FAULT.seconds);
  const found = all[index];
  story.check(
    found !== undefined,
    `${all.length} faults in the kernel's log, one at ${FAULT.seconds} s on IOVA ${FAULT.iova}`,
  );
  if (found === undefined) return;
  const { verdict, mappedAt, unmappedAt, gapSeconds } = found;
  story.check(
    verdict === "use-after-unmap" &&
      mappedAt?.clock?.seconds === "5.653486" &&
      unmappedAt?.clock?.seconds === "28.365162",
    `${verdict}: mapped at ${mappedAt?.clock?.seconds} s (version ${mappedAt?.version}), unmapped at ${unmappedAt?.clock?.seconds} s (version ${unmappedAt?.version}), ${gapSeconds} s before the device used it`,
  );
  const text = await runChild(["explain", "--file", log, "--db", db]);
  story.tell(text.out.split(/\n(?=\S)/)[index] ?? "");
}
