/** What the demo tells as it goes: steps with their time, findings, and checks that can fail. */
import type { World } from "../world.ts";
import { recording } from "./recordings.ts";

export class Story {
  isAsExpected = true;
  readonly #world: World;
  readonly #startedMs = performance.now();
  #checks = 0;

  constructor(world: World) {
    this.#world = world;
  }

  step(title: string): void {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    this.#world.out(`\n${seconds.toFixed(1).padStart(5)} s  ${title}\n`);
  }

  tell(text: string): void {
    for (const line of text.trimEnd().split("\n")) this.#world.out(`         ${line}\n`);
  }

  /** A finding that must hold; the demo fails where it does not. */
  check(holds: boolean, text: string): void {
    this.#checks++;
    if (!holds) this.isAsExpected = false;
    this.tell(`${holds ? "ok  " : "FAIL"} ${text}`);
  }

  end(folder: string | null): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1);
    const result = this.isAsExpected ? `all ${this.#checks} checks hold` : "a check FAILED (see above)";
    const place =
      folder === null ? "" : `The journals are in ${folder} (--db ${folder}/source, .../destination, .../fault).\n`;
    const boot = recording(this.#world, "boot.trace.txt.gz");
    this.#world.out(`\nDone in ${seconds} s: ${result}.\n${place}
Try next (from a checkout: npx --yes pnpm@12 --silent ioasis ...):
  ioasis import ${boot}
                                                   put a boot of a real kernel into your journal
  ioasis at --at "ORACLE snapshot 1-up end"        the space as it was at that mark of the trace
  ioasis who 0xfffff000                            what is mapped there, by whom, since when
  ioasis history 0xfffff000                        everything that ever happened to that page
  ioasis import YOUR.log                           your own QEMU log, ftrace, perf, bpftrace or dmesg
`);
  }
}
