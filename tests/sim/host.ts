/**
 * A host: a disk, and on it the real journal and the real two sides of a cutover, until it dies.
 *
 * What a dead process waited for never comes: its disk operations, timers and frames are forgotten, so that it stops
 * at whatever `await` it had reached. The next process finds what the disk kept.
 */
import { IoasisError } from "@ioasis/core";
import { receiveFrom } from "@ioasis/migration";
import { type Connection, Replica, type Timers } from "@ioasis/replication";
import type { Journal } from "@ioasis/store";
import { writeFormat } from "../../packages/store/src/journal-format.ts";
import { openSegmentJournal } from "../../packages/store/src/segment-journal.ts";
import { FakeDisk } from "../../packages/store/src/testing/fake-disk.ts";
import type { World } from "./world.ts";

const DIRECTORY = "/journal";
const WALL_START_MS = Date.UTC(2026, 0, 1);

export class Host {
  readonly name: string;
  /** Null: no process runs, or it is still opening its journal. */
  journal: Journal | null = null;
  /** The identity of the journal on the disk. */
  replicaId = "";
  /** Goes up with every process. */
  life = 0;
  isStarting = false;
  /** Its operator's migration is under way. */
  isMigrating = false;
  readonly #world: World;
  #disk = new FakeDisk();
  #replica: Replica | null = null;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  get isUp(): boolean {
    return this.journal !== null;
  }

  /** Time for this process: a dead one is never called. */
  get timers(): Timers {
    const { life } = this;
    const world = this.#world;
    return {
      nowMs: () => world.nowMs,
      wallTime: () => new Date(WALL_START_MS + Math.floor(world.nowMs)).toISOString(),
      after: (ms, run) =>
        world.after(ms, () => {
          if (this.life === life) run();
        }),
    };
  }

  /** Starts a process on the disk as it is; resolves when the journal is open. */
  async start(): Promise<void> {
    const life = ++this.life;
    this.isStarting = true;
    const world = this.#world;
    const disk = this.#disk;
    disk.turn = () =>
      new Promise((resolve) => {
        world.after(world.between(0.02, 1.5), () => {
          if (this.life === life) resolve();
        });
      });
    if (disk.readWhole(`${DIRECTORY}/format.json`) === null) {
      this.replicaId = `${this.name}-${world.hex(8)}`;
      for (const folder of ["", "/segments", "/snapshots"]) disk.makeDirectory(`${DIRECTORY}${folder}`);
      await writeFormat(disk, DIRECTORY, { format: 1, replica: this.replicaId, createdBy: "simulation" });
      await disk.syncDirectory(DIRECTORY);
    }
    const journal = await openSegmentJournal(DIRECTORY, { host: this.name, disk, nextId: () => world.hex(32) });
    this.replicaId = journal.replica;
    this.#replica = new Replica(journal, this.timers);
    this.journal = journal;
    this.isStarting = false;
    world.note(`${this.name}: up as ${this.replicaId}`);
  }

  /** The process dies. `power`: so does the machine, and what was not synced may be lost. */
  die(power: boolean): void {
    this.life++;
    this.isStarting = false;
    this.journal = null;
    this.#replica = null;
    this.isMigrating = false;
    this.#disk = power ? this.#disk.crash(() => this.#world.chance()) : this.#disk.copy();
    this.#world.note(`${this.name}: ${power ? "power lost" : "killed"}`);
  }

  /** The disk is gone: the host comes back with an empty one, as somebody else. */
  loseDisk(): void {
    this.die(true);
    this.#disk = new FakeDisk();
    this.#world.note(`${this.name}: disk lost`);
  }

  /** Somebody connects: served to the end of the connection. */
  serve(connection: Connection): void {
    const replica = this.#replica;
    if (replica === null) throw new IoasisError("ERR_NETWORK", `${this.name} is down`);
    const { life } = this;
    void receiveFrom(connection, replica, ({ kind, peer, detail }) => {
      if (this.life === life) this.#world.note(`${this.name}: ${kind} ${peer} ${detail}`);
    });
  }
}
