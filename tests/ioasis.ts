/** Runs the real command line in processes of its own, in a directory that is gone afterwards. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

export const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
export const CLI = process.env["IOASIS_CLI"] ?? path.join(ROOT, ".build/run/ioasis.mjs");
export const demoFile = (name: string): string => path.join(ROOT, "demo", name);
export const recordingFile = (name: string): string => path.join(ROOT, "tests/recordings", name);

const OUTPUT_BYTES_MAX = 512 * 1024 * 1024;

export interface Run {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A temporary directory with a journal; `ioasis` runs with it. */
export class Workbench {
  readonly folder = mkdtempSync(path.join(tmpdir(), "ioasis-test-"));
  readonly db = path.join(this.folder, "db");

  run(...args: string[]): Run {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
      encoding: "utf8",
      maxBuffer: OUTPUT_BYTES_MAX,
      cwd: this.folder,
      env: { ...process.env, HOME: this.folder, IOASIS_DB: this.db },
    });
    return { status, out: stdout, err: stderr };
  }

  /** The JSON answer of a command, whatever its exit code. */
  json<T>(...args: string[]): T {
    const { out, err } = this.run(...args, "--json");
    if (out === "") throw new Error(`ioasis ${args.join(" ")} printed nothing: ${err}`);
    return JSON.parse(out) as T;
  }

  /** The JSON values of a command that prints one a line. */
  lines<T>(...args: string[]): T[] {
    const { out } = this.run(...args, "--json");
    return out === ""
      ? []
      : out
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as T);
  }

  start(...args: string[]): ReturnType<typeof spawn> {
    return spawn(process.execPath, [CLI, ...args], {
      cwd: this.folder,
      env: { ...process.env, HOME: this.folder, IOASIS_DB: this.db },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface ImportAnswer {
  readonly files: readonly {
    readonly file: string;
    readonly format: string;
    readonly lines: number;
    readonly recognised: number;
    readonly events: number;
    readonly known: number;
    readonly faults: number;
    readonly lost: number;
    readonly problems: readonly { readonly line: number; readonly reason: string }[];
  }[];
  readonly contexts: readonly { readonly context: string; readonly versions: number }[];
  readonly drift: readonly { readonly version: number; readonly line: number; readonly rule: string }[];
  readonly error?: { readonly code: string; readonly message: string };
}
