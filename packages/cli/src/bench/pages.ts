/** The pages of docs/benchmarks that are made from measured data: the data beside them, so that they can be made again. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { IoasisError } from "@ioasis/core";
import { curveSvg } from "./curve-svg.ts";
import { CURVE_ID, curveCells, curvesOf } from "./growth.ts";
import { machineText } from "./machine.ts";
import { figure, metText, type Reported, ratioText } from "./report.ts";

const RESULTS = "results.ndjson";
const GROWTH = "growth.ndjson";

/** Writes what was measured into `folder`; rows of before that were not measured again stay. */
export function savePages(folder: string, results: readonly Reported[]): void {
  mkdirSync(folder, { recursive: true });
  const isCurve = ({ row }: Reported): boolean => CURVE_ID.test(row);
  for (const [file, own] of [
    [RESULTS, results.filter((one) => !isCurve(one))],
    [GROWTH, results.filter(isCurve)],
  ] as const) {
    if (own.length === 0) continue;
    // Of a curve there is one, however long its longest history.
    const again = new Set(own.map(keyOf));
    const all = [...dataOf(folder, file).filter((one) => !again.has(keyOf(one))), ...own];
    writeFileSync(path.join(folder, file), all.map((one) => `${JSON.stringify(one)}\n`).join(""));
  }
  drawPages(folder);
}

/** Makes the pages from the data in `folder`. @throws IoasisError ERR_INPUT: there is none */
export function drawPages(folder: string): void {
  const [results, growth] = [dataOf(folder, RESULTS), dataOf(folder, GROWTH)];
  if (results.length + growth.length === 0)
    throw new IoasisError("ERR_INPUT", `${folder} has no measured data: run the bench with --out ${folder}`, {
      folder,
    });
  if (results.length > 0) writeFileSync(path.join(folder, "results.md"), resultPage(results));
  if (growth.length === 0) return;
  writeFileSync(path.join(folder, "growth.md"), growthPage(growth));
  writeFileSync(path.join(folder, "growth.svg"), curveSvg(curvesOf(growth), originOf(growth)));
}

function keyOf({ row }: Reported): string {
  return CURVE_ID.exec(row)?.[1] ?? row;
}

function dataOf(folder: string, file: string): Reported[] {
  const full = path.join(folder, file);
  if (!existsSync(full)) return [];
  const lines = readFileSync(full, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Reported);
}

function resultPage(results: readonly Reported[]): string {
  const cells = results.map((one) => [
    `\`${one.row}\``,
    one.name,
    `${figure(one.value)} ${one.unit} ± ${percent(one.spread / 2)}`,
    one.peer ?? one.note ?? "",
    one.peerValue === null ? "" : figure(one.peerValue),
    ratioText(one.ratio),
    one.target ?? "",
    metText(one.met, one.target),
  ]);
  return page(
    "Results",
    "Made by `bench --out docs/benchmarks` from [results.ndjson](results.ndjson); [README.md](README.md) says what the rows measure.",
    originOf(results),
    markdown(
      ["ask for", "measured", "median ± half the spread", "peer", "its median", "ratio", "target", "met"],
      cells,
    ),
  );
}

function growthPage(growth: readonly Reported[]): string {
  const { heads, rows } = curveCells(curvesOf(growth));
  return page(
    "Growth",
    "Made by `bench growth --out docs/benchmarks` from [growth.ndjson](growth.ndjson): what each costs after so many events of history.",
    originOf(growth),
    `${markdown(heads, rows)}\n![costs by length of history](growth.svg)\n`,
  );
}

function page(title: string, about: string, origin: string, body: string): string {
  return `# ${title}\n\n${about}\n\nMeasured on ${origin}.\n\n${body}`;
}

function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`.replaceAll("  |", " |");
  return line(heads) + line(heads.map(() => "---")) + rows.map(line).join("");
}

/** The machine of the newest figure, and how busy it was over all of them. */
function originOf(results: readonly Reported[]): string {
  const machine = results.at(-1)?.machine;
  const loads = results.flatMap(({ load }) => load);
  return machine === undefined ? "" : machineText(machine, [Math.min(...loads), Math.max(...loads)]);
}

function percent(part: number): string {
  return `${(part * 100).toFixed(0)} %`;
}
