/** Recorded kernel calls played against the model: in process by family, and all of them as a command. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { type Line, LineReader } from "@ioasis/capture";
import { conformFile } from "@ioasis/core";
import { wholeContent } from "../content.ts";
import type { World } from "../world.ts";
import type { Bench } from "./measure.ts";

const FILE_BYTES_MAX = 1 << 26;

/** Families by folder of the recordings; the first whose name begins the path. */
const FAMILIES = [
  ["type1 containers", "type1/"],
  ["sPAPR TCE containers", "spapr/"],
  ["VFIO devices on iommufd, four IOMMUs tried", "vfio-"],
  ["VFIO devices on iommufd, four IOMMUs tried", "k73/vfio-"],
  ["iommufd of 7.3", "k73/"],
  ["iommufd of 6.12", ""],
] as const;

interface Vectors {
  readonly file: string;
  readonly family: string;
  readonly lines: readonly string[];
}

/** The recordings are the checkout's: an installed `ioasis` has none, and no such bench. */
export function conformBenches(world: World): readonly Bench[] {
  const folder = path.join(world.env["IOASIS_ROOT"] ?? ".", "tests", "recordings", "conform");
  if (!existsSync(folder)) {
    world.err("conform: the recordings are in the checkout only\n");
    return [];
  }
  const all = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".jsonl.gz"))
    .sort()
    .map((name) => vectorsOf(folder, name));
  const families = [...new Set(all.map(({ family }) => family))];
  return [
    inProcess("all", all),
    ...families.map((family) =>
      inProcess(
        family,
        all.filter((one) => one.family === family),
      ),
    ),
    asCommand(all),
  ];
}

function vectorsOf(folder: string, name: string): Vectors {
  const file = path.join(folder, name);
  const lines: string[] = [];
  const reader = new LineReader();
  const onLine = ({ text }: Line) => void lines.push(text);
  reader.push(wholeContent(file, FILE_BYTES_MAX), onLine, () => undefined);
  reader.end(onLine, () => undefined);
  const [family] = FAMILIES.find(([, beginning]) => name.startsWith(beginning)) ?? ["unknown"];
  return { file, family, lines };
}

function inProcess(name: string, vectors: readonly Vectors[]): Bench {
  const steps = stepsOf(vectors);
  return {
    name: `conform in process: ${name}, ${vectors.length} files, ${steps} steps`,
    unit: "steps/s",
    ...(name === "all" ? { target: [{ of: "value", atLeast: 200_000 }] } : {}),
    subject: {
      run: () =>
        perSecond(steps, () => {
          for (const { lines } of vectors) conformFile(lines);
        }),
    },
    peer: {
      name: "JSON.parse of the same lines",
      run: () =>
        perSecond(steps, () => {
          for (const { lines } of vectors) for (const line of lines) JSON.parse(line);
        }),
    },
  };
}

function asCommand(vectors: readonly Vectors[]): Bench {
  const files = vectors.map(({ file }) => file);
  const steps = stepsOf(vectors);
  const start = (args: readonly string[]) => () =>
    perSecond(steps, () => void spawnSync(process.execPath, [process.argv[1] as string, ...args]));
  return {
    name: `ioasis conform as a command, cold start included, ${files.length} files, ${steps} steps`,
    unit: "steps/s",
    subject: { run: start(["conform", ...files]) },
    peer: { name: "ioasis --version, as if it had done as much", run: start(["--version"]) },
  };
}

/** Of the lines the first is the meta line. */
function stepsOf(vectors: readonly Vectors[]): number {
  return vectors.reduce((sum, { lines }) => sum + lines.length - 1, 0);
}

function perSecond(steps: number, run: () => void): number {
  const from = performance.now();
  run();
  return steps / ((performance.now() - from) / 1000);
}
