/** The recorded live migration, done again by two processes: follow, fence, verify, claim, go on. */
import path from "node:path";
import { openContent } from "../content.ts";
import { decodeFacts } from "../import/decode-facts.ts";
import type { ImportReport } from "../import/report.ts";
import type { World } from "../world.ts";
import { ask, runChild, startService } from "./child.ts";
import { contradictions } from "./contradictions.ts";
import { recording } from "./recordings.ts";
import type { Story } from "./story.ts";

/** Times the recorded speed: the 17 seconds of the source's log take about two. */
const SPEED = 8;
const GUEST = "guest";

interface ContextLine {
  readonly context: string;
  readonly versions: number;
  readonly epoch: number;
  readonly owner: string;
  readonly state: string;
  readonly digest: string;
  readonly spaceDigest: string;
}

interface MigrateLine {
  readonly outcome: string;
  readonly epoch: number;
  readonly versions: number;
  readonly digest: string;
  readonly spaceDigest: string;
  readonly pauseMs: number;
  readonly precopySeconds: number;
  readonly bytes: number;
}

interface AtAnswer {
  readonly digest: string;
  readonly spaces: readonly { readonly areas: readonly unknown[] }[];
}

export async function migrationSteps(world: World, story: Story, folder: string): Promise<void> {
  const source = path.join(folder, "source");
  const destination = path.join(folder, "destination");
  const sourceLog = recording(world, "source.log.gz");
  const destinationLog = recording(world, "destination.log.gz");

  story.step("The destination listens, as a process with a journal of its own");
  const service = await startService(["serve", "--db", destination, "--listen", "127.0.0.1:0", "--json"]);
  const { listening, replica } = JSON.parse(service.firstLine) as { listening: string; replica: string };
  story.tell(`${listening} as ${replica}`);

  story.step("The source plays QEMU's log of a guest with a virtio-iommu under load, and migrates it while it runs");
  const moved = await migrate(source, sourceLog, listening);
  story.tell(
    `${moved.versions.toLocaleString("en")} events; precopy ${moved.precopySeconds.toFixed(1)} s, ${(moved.bytes / 1024).toFixed(0)} KiB sent, pause ${moved.pauseMs.toFixed(1)} ms`,
  );
  story.check(moved.outcome === "completed", `the migration is ${moved.outcome}`);
  await service.stop();

  const before = await contextLine(source);
  const after = await contextLine(destination);
  const types = await countTypes(source, 1, moved.versions);
  const maps = (types.get("IovaMapped") ?? 0) + (types.get("IovaUnmapped") ?? 0);
  story.check(
    maps === 46_911,
    `the source's history holds ${maps.toLocaleString("en")} maps and unmaps, ${types.get("DeviceAttached") ?? 0} attaches`,
  );
  story.check(
    before.digest === after.digest && after.digest === moved.digest,
    `history digests are equal at the fence: ${after.digest.slice(0, 16)}...`,
  );
  story.check(
    before.spaceDigest === after.spaceDigest,
    `space digests are equal: ${after.spaceDigest.slice(0, 16)}...`,
  );
  story.check(after.epoch === 2 && after.owner === replica, `epoch ${after.epoch} is owned by ${after.owner}`);
  const carried = areasOf(await ask<AtAnswer>("at", "--db", destination));
  story.check(carried === 257, `${carried} live mappings were carried over`);

  story.step("The source may not append any more");
  const refused = await runChild(["import", destinationLog, "--context", GUEST, "--db", source, "--json"]);
  const code = (JSON.parse(refused.out || "{}") as { error?: { code: string } }).error?.code;
  story.check(refused.code === 1 && code === "ERR_NOT_OWNER", `exit ${refused.code}: ${refused.err.trim()}`);

  story.step("The destination's own log continues the history as epoch 2");
  const report = await ask<ImportReport>("import", destinationLog, "--context", GUEST, "--db", destination);
  const added = report.files[0]?.events ?? 0;
  story.check(
    added === 263 && report.driftTotal === 0,
    `${added} events added, ${report.driftTotal} in drift with what came over`,
  );
  const facts = await decodeFacts(destinationLog, await openContent(destinationLog));
  const senseless = contradictions(facts);
  story.check(senseless === 255, `without the state that came over, ${senseless} of them would make no sense`);
  const end = await contextLine(destination);
  const live = areasOf(await ask<AtAnswer>("at", "--db", destination));
  story.check(
    live === 2,
    `${end.versions.toLocaleString("en")} versions in one history; ${live} mappings live at the end`,
  );

  story.step("Time travel: the same journal, as it was at the fence");
  const then = await ask<AtAnswer>("at", "--at", String(moved.versions), "--db", destination);
  story.check(
    then.digest === moved.digest,
    `version ${moved.versions}: ${areasOf(then)} mappings, digest ${then.digest.slice(0, 16)}...`,
  );
}

async function migrate(db: string, log: string, url: string): Promise<MigrateLine> {
  const args = ["migrate", GUEST, "--db", db, "--to", url, "--play", log, "--pace", String(SPEED), "--json"];
  const { out, err } = await runChild(args);
  const last = out.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(`migrate printed no result: ${err}`);
  return JSON.parse(last) as MigrateLine;
}

async function contextLine(db: string): Promise<ContextLine> {
  const [line] = await ask<ContextLine[]>("contexts", "--db", db);
  if (line === undefined) throw new Error(`no context in ${db}`);
  return line;
}

function areasOf(answer: AtAnswer): number {
  return answer.spaces.reduce((sum, { areas }) => sum + areas.length, 0);
}

async function countTypes(db: string, from: number, to: number): Promise<Map<string, number>> {
  const { out } = await runChild(["log", "--db", db, "--from", String(from), "--to", String(to), "--json"]);
  const counts = new Map<string, number>();
  for (const line of out.trimEnd().split("\n")) {
    const { type } = (JSON.parse(line) as { event: { type: string } }).event;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return counts;
}
