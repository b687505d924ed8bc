/**
 * One seed: a few hosts, writers, operators that migrate, release and take over, and everything that goes wrong,
 * until a while of peace in which all must come to rest again.
 */
import { createHash } from "node:crypto";
import { EventBatch, type IoasEvent, IoasisError, type Iova } from "@ioasis/core";
import { isRefusal, mayAppend, migrate, release, takeover } from "@ioasis/migration";
import type { Epoch, Journal } from "@ioasis/store";
import { Host } from "./host.ts";
import { Judge, Violation } from "./judge.ts";
import { Network } from "./network.ts";
import { World } from "./world.ts";

const CONTEXT = "guest";
/** Virtual time for all to come to rest, and for one more migration. */
const PEACE_MS = 120_000;
const STEPS_MAX = 400_000;
const PAGE = 0x1000n;
const SLOTS = 64;

export interface SeedResult {
  readonly seed: number;
  /** What was broken; null: nothing. */
  readonly violation: string | null;
  /** Hash of all that happened: equal for equal seeds. */
  readonly hash: string;
  readonly trace: readonly string[];
  readonly steps: number;
  readonly virtualMs: number;
  /** Outcomes of migrations, and faults, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Only one runs at a time in a process: it takes the place of the process's randomness. */
export async function runSeed(seed: number): Promise<SeedResult> {
  const run = new Run(seed);
  const uuid = crypto.randomUUID;
  let stray: unknown = null;
  const onStray = (error: unknown): void => {
    stray ??= error;
  };
  process.on("unhandledRejection", onStray);
  crypto.randomUUID = () => {
    const digits = run.world.hex(32);
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
  };
  let violation: string | null = null;
  try {
    await run.all();
    if (stray !== null) throw stray;
  } catch (error) {
    violation =
      error instanceof Violation ? error.message : `failed: ${error instanceof Error ? error.stack : String(error)}`;
    run.world.note(violation);
  } finally {
    crypto.randomUUID = uuid;
    process.off("unhandledRejection", onStray);
  }
  const { trace, nowMs } = run.world;
  const hash = createHash("sha256").update(trace.join("\n")).digest("hex");
  return { seed, violation, hash, trace, steps: run.steps, virtualMs: nowMs, counts: run.counts };
}

class Run {
  readonly world: World;
  readonly counts: Record<string, number> = {};
  steps = 0;
  readonly #hosts: readonly Host[];
  readonly #network: Network;
  readonly #judge = new Judge(CONTEXT);
  readonly #warMs: number;
  readonly #takesOver: boolean;
  readonly #losesDisks: boolean;
  /** Chance of harm at each step of a cutover. */
  readonly #malice: number;
  /** The newest epoch of each host as it was seen last. */
  readonly #standings = new Map<string, string>();
  /** Nothing is harmed, at the beginning and at the end. */
  #isPeace = true;
  #failure: unknown = null;
  /** Makes every event of every writer another one. */
  #nonce = 0n;

  constructor(seed: number) {
    const world = new World(seed);
    this.world = world;
    this.#hosts = ["alpha", "beta", "gamma", "delta"].slice(0, 2 + world.below(3)).map((name) => new Host(world, name));
    this.#network = new Network(world, {
      rudeness: world.chance() < 0.4 ? 0 : world.between(0.005, 0.06),
      slowness: world.chance() < 0.5 ? 0 : world.between(0.01, 0.2),
      isRude: () => !this.#isPeace,
    });
    this.#malice = world.between(0, 0.35);
    this.#warMs = world.between(500, 3_000);
    this.#takesOver = world.chance() < 0.25;
    this.#losesDisks = world.chance() < 0.15;
  }

  /** @throws Violation, and whatever a part of the code threw that it must not */
  async all(): Promise<void> {
    const [first] = this.#hosts;
    for (const host of this.#hosts) this.#start(host);
    await this.#until(() => this.#hosts.every(({ isUp }) => isUp), 1_000, "all hosts start");
    this.#isPeace = false;
    this.#spawn(async () => void (await first?.journal?.create(CONTEXT, "iommufd")));
    for (const host of this.#hosts) this.#every(5, 250, () => this.#write(host));
    this.#every(10, 600, () => this.#operate());
    this.#every(100, 2_000, () => this.#takeSides());
    this.#every(20, 700, () => this.#harm());
    await this.#forMs(this.#warMs);
    await this.#makePeace();
  }

  async #makePeace(): Promise<void> {
    this.#isPeace = true;
    this.world.note("peace");
    this.#network.heal();
    for (const host of this.#hosts) this.#start(host);
    if (this.#losesDisks) return this.#forMs(5_000);
    await this.#until(() => this.#hosts.every(({ isUp }) => isUp), PEACE_MS, "all hosts are up again");
    await this.#until(() => this.#writers().length > 0, PEACE_MS, "somebody owns the context again");
    // The branches of a takeover both have an owner, and neither follows the other: an operator must choose.
    if (this.counts["taken over"] !== undefined && this.#writers().length > 1) return this.#forMs(5_000);
    const moves = this.counts["completed"] ?? 0;
    await this.#until(() => (this.counts["completed"] ?? 0) > moves, PEACE_MS, "one more migration completes");
  }

  #writers(): readonly Host[] {
    return this.#hosts.filter(({ journal }) => journal !== null && owns(journal));
  }

  #start(host: Host): void {
    if (host.isUp || host.isStarting) return;
    this.#spawn(async () => {
      await host.start();
      const info = host.journal?.context(CONTEXT);
      if (info?.damagedFrom != null) throw new Violation(`${host.name}: the journal is damaged after a crash`);
    });
  }

  /** A writer appends a few events wherever its own journal lets it. */
  #write({ journal, name }: Host): void {
    const info = journal?.context(CONTEXT);
    if (journal === null || info == null || !owns(journal)) return;
    const epoch = info.epochs.at(-1)?.epoch ?? 1;
    const count = 1 + this.world.below(4);
    const batch = new EventBatch(epoch, info.head.version + 1, count);
    for (let i = 0; i < count; i++) batch.push(this.#event(batch.firstVersion + i), ENVELOPE);
    const { replica } = journal;
    this.#spawn(async () => {
      const point = await journal.append(CONTEXT, batch);
      this.world.note(`${name}: appended up to ${point.version} in epoch ${epoch}`);
      this.#judge.acknowledge(replica, epoch, point);
    });
  }

  #event(version: number): IoasEvent {
    if (version === 1) return { type: "IoasAllocated", ioas: 0, kernelId: 1 };
    const iova = (BigInt(this.world.below(SLOTS)) * PAGE) as Iova;
    const last = (iova + PAGE - 1n) as Iova;
    return { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "va", va: ++this.#nonce * PAGE } };
  }

  /** An operator migrates from a host that owns, or takes up a migration that broke off. */
  #operate(): void {
    const { world } = this;
    const source = this.#pick(
      this.#hosts.filter(({ journal, isMigrating }) => journal !== null && !isMigrating && ownsLast(journal)),
    );
    const journal = source?.journal;
    if (source === undefined || journal == null) return;
    const { sealed } = newest(journal) ?? {};
    const others = this.#hosts.filter((host) => host !== source && host.isUp);
    const named = others.find(({ replicaId }) => replicaId === sealed?.successor);
    const destination = named !== undefined && world.chance() < 0.8 ? named : this.#pick(others);
    if (destination === undefined) return;
    source.isMigrating = true;
    const { life } = source;
    const abort = new AbortController();
    if (!this.#isPeace && world.chance() < 0.1) world.after(world.between(0, 300), () => abort.abort());
    this.#spawn(async () => {
      try {
        await this.#migrate(source, destination, journal, abort.signal);
      } finally {
        if (source.life === life) source.isMigrating = false;
      }
    });
  }

  async #migrate(source: Host, destination: Host, journal: Journal, signal: AbortSignal): Promise<void> {
    const { world } = this;
    const [near, far] = this.#network.connect(source.name, destination.name);
    destination.serve(far);
    world.note(`${source.name}: migrates to ${destination.name}`);
    const before = newest(journal);
    const { outcome, phase, reason } = await migrate({
      journal,
      context: CONTEXT,
      connection: near,
      timers: source.timers,
      answerMsMax: world.chance() < 0.5 ? 500 : 10_000,
      downtimeLimitMs: 2_000,
      signal,
    });
    this.#count(outcome);
    world.note(`${source.name}: ${outcome} in ${phase} ${reason ?? ""}`);
    const after = newest(journal);
    if (outcome === "refused" && before?.sealed === null && (after?.epoch !== before.epoch || after.sealed !== null))
      throw new Violation(`I4: a refused migration changed epoch ${before.epoch} of ${source.name}`);
    if (outcome === "completed" && after?.owner === journal.replica)
      throw new Violation(`${source.name} still owns what it gave away`);
  }

  /** Operators who will not wait: a successor releases, a sealer takes over. */
  #takeSides(): void {
    if (this.#isPeace) return;
    const host = this.#pick(this.#hosts.filter(({ isUp }) => isUp));
    const journal = host?.journal;
    const last = journal == null ? undefined : newest(journal);
    if (host === undefined || journal == null || last?.sealed == null) return;
    if (last.sealed.successor === journal.replica && this.world.chance() < 0.5)
      this.#spawn(async () => {
        await release(journal, CONTEXT);
        this.world.note(`${host.name}: released by its operator`);
        this.#count("released");
      });
    else if (this.#takesOver && last.owner === journal.replica && !host.isMigrating)
      this.#spawn(async () => {
        const { epoch } = await takeover(journal, CONTEXT, "the simulation says so");
        this.world.note(`${host.name}: took over with epoch ${epoch}`);
        this.#count("taken over");
      });
  }

  #harm(): void {
    if (this.#isPeace) return;
    const { world } = this;
    const kind = world.below(10);
    const victim = this.#hosts[world.below(this.#hosts.length)];
    const other = this.#pick(this.#hosts.filter((host) => host !== victim));
    if (victim === undefined || other === undefined) return;
    if (kind < 4) this.#kill(victim, kind < 2);
    else if (kind === 4 && this.#losesDisks && world.chance() < 0.3) this.#kill(victim, true, true);
    else if (kind < 7) this.#network.cutOne();
    else if (kind < 9) {
      world.note(`no way from ${victim.name} to ${other.name}`);
      this.#network.block(victim.name, other.name);
      this.#count("one-way partition");
    } else this.#network.heal();
  }

  #kill(host: Host, power: boolean, losesDisk = false): void {
    if (!host.isUp && !host.isStarting) return;
    if (losesDisk) host.loseDisk();
    else host.die(power);
    this.#count(losesDisk ? "disk lost" : power ? "power lost" : "killed");
    this.#network.hostDied(host.name);
    this.world.after(this.world.between(5, 3_000), () => this.#start(host));
  }

  /** The moments that matter are short: most of the harm is done when an epoch was just offered, sealed or claimed. */
  #strikeAtFences(): void {
    for (const host of this.#hosts) {
      const last = host.journal === null ? undefined : newest(host.journal);
      const standing = `${last?.epoch} ${last?.sealed?.successor} ${last?.sealed?.isReleased}`;
      if (this.#standings.get(host.name) === standing) continue;
      this.#standings.set(host.name, standing);
      if (this.#isPeace || this.world.chance() >= this.#malice) continue;
      const victim = this.world.chance() < 0.5 ? host : this.#hosts[this.world.below(this.#hosts.length)];
      const kind = this.world.below(3);
      this.world.after(this.world.between(0, 6), () => {
        if (this.#isPeace || victim === undefined) return;
        if (kind === 2) this.#network.cutOne();
        else this.#kill(victim, kind === 1);
      });
    }
  }

  /** Runs work that may fail as the code's callers may see it fail; anything else ends the run. */
  #spawn(work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (!(error instanceof IoasisError) || error.code === "ERR_DAMAGED") this.#failure ??= error;
    });
  }

  #every(lowMs: number, highMs: number, act: () => void): void {
    this.world.after(this.world.between(lowMs, highMs), () => {
      act();
      this.#every(lowMs, highMs, act);
    });
  }

  async #forMs(ms: number): Promise<void> {
    const endMs = this.world.nowMs + ms;
    while (this.world.nowMs < endMs && (await this.#step(endMs)));
  }

  async #until(reached: () => boolean, ms: number, what: string): Promise<void> {
    const endMs = this.world.nowMs + ms;
    while (!reached())
      if (!(await this.#step(endMs)) && !reached())
        throw new Violation(`liveness: ${what}: not within ${ms} ms of virtual time`);
  }

  async #step(untilMs: number): Promise<boolean> {
    if (++this.steps > STEPS_MAX) throw new Violation(`liveness: more than ${STEPS_MAX} steps`);
    const isGoingOn = await this.world.step(untilMs);
    if (this.#failure !== null) throw this.#failure;
    this.#judge.look(this.#hosts);
    this.#strikeAtFences();
    return isGoingOn;
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.world.below(from.length)];
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

const ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };

function newest(journal: Journal): Epoch | undefined {
  return journal.context(CONTEXT)?.epochs.at(-1);
}

function owns(journal: Journal): boolean {
  return !isRefusal(mayAppend(journal.context(CONTEXT)?.epochs ?? [], journal.replica));
}

/** It owns the newest epoch that it knows, sealed or not. */
function ownsLast(journal: Journal): boolean {
  return newest(journal)?.owner === journal.replica;
}
