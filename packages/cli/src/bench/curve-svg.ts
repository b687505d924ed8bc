/**
 * Growth curves as a picture: each cost as a multiple of the same cost after the shortest history, over the length
 * of the history. Written by hand: the libraries that draw charts want a document object model, or bring megabytes.
 */
import { countText } from "./count.ts";
import { type Curve, FLAT_WITHIN } from "./growth.ts";

const WIDTH = 760;
const HEIGHT = 420;
const PLOT = { left: 64, right: 600, top: 40, bottom: 360 };
/** Told apart by those who see few colours too (Okabe and Ito). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];
const FACTOR_MIN = 0.25;
const LABEL_HEIGHT = 18;

export function curveSvg(curves: readonly Curve[], caption: string): string {
  const lengths = [...new Set(curves.flatMap(({ points }) => points.map(({ events }) => events)))].sort(
    (a, b) => a - b,
  );
  const factors = curves.flatMap((curve) => relative(curve).map(({ value }) => value));
  const x = scale(lengths[0] ?? 1, lengths.at(-1) ?? 10, PLOT.left, PLOT.right);
  const highest = Math.max(4, ...factors);
  const y = scale(FACTOR_MIN, 2 ** Math.ceil(Math.log2(highest)), PLOT.bottom, PLOT.top);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>Cost by length of history</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(PLOT.left, 22, "Cost, as a multiple of the cost after the shortest history", 'font-size="14"'),
    band(y(FLAT_WITHIN), y(1 / FLAT_WITHIN)),
    ...lengths.map((events) => tickX(x(events), countText(events))),
    ...powersOfTwo(FACTOR_MIN, highest).map((factor) => tickY(y(factor), `${factor} ×`)),
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 36, "events of history", 'text-anchor="middle"'),
    text(PLOT.left, HEIGHT - 6, caption, 'fill="#666666" font-size="10"'),
    ...curves.map((curve, i) => line(curve, COLOURS[i % COLOURS.length] as string, x, y)),
    ...labels(curves, y),
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

type Scale = (value: number) => number;

/** Logarithmic. */
function scale(from: number, to: number, start: number, end: number): Scale {
  const [low, span] = [Math.log(from), Math.log(to) - Math.log(from) || 1];
  return (value) => Math.round((start + ((Math.log(Math.max(value, from)) - low) / span) * (end - start)) * 10) / 10;
}

function relative({ points }: Curve): { readonly events: number; readonly value: number }[] {
  const first = points[0]?.value ?? 1;
  return points.map(({ events, value }) => ({ events, value: value / first }));
}

function powersOfTwo(from: number, to: number): number[] {
  const all: number[] = [];
  for (let factor = from; factor <= to; factor *= 2) all.push(factor);
  return all;
}

function line(curve: Curve, colour: string, x: Scale, y: Scale): string {
  const points = relative(curve).map(({ events, value }) => [x(events), y(value)] as const);
  const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`).join("");
  const path = points.map((point) => point.join(",")).join(" ");
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}`;
}

/** At the end of each line, pushed apart where lines end close to each other. */
function labels(curves: readonly Curve[], y: Scale): string[] {
  let free = -Infinity;
  return curves
    .map((curve, i) => ({
      curve,
      colour: COLOURS[i % COLOURS.length] as string,
      at: y(relative(curve).at(-1)?.value ?? 1),
    }))
    .sort((a, b) => a.at - b.at)
    .map(({ curve, colour, at }) => {
      free = Math.max(at, free + LABEL_HEIGHT);
      const verdict = curve.isFlat ? "flat" : `grows ${curve.growth.toFixed(1)} ×`;
      return text(PLOT.right + 10, free + 4, `${curve.name}: ${verdict}`, `fill="${colour}"`);
    });
}

function band(top: number, bottom: number): string {
  const box = `x="${PLOT.left}" y="${top}" width="${PLOT.right - PLOT.left}" height="${bottom - top}"`;
  return `<rect ${box} fill="#dff0d8"/>${text(PLOT.left + 6, top + 13, `within ${FLAT_WITHIN} ×`, 'fill="#3c763d" font-size="10"')}`;
}

function tickX(at: number, label: string): string {
  const rule = `<line x1="${at}" y1="${PLOT.top}" x2="${at}" y2="${PLOT.bottom}" stroke="#dddddd"/>`;
  return rule + text(at, PLOT.bottom + 18, label, 'text-anchor="middle"');
}

function tickY(at: number, label: string): string {
  const rule = `<line x1="${PLOT.left}" y1="${at}" x2="${PLOT.right}" y2="${at}" stroke="#dddddd"/>`;
  return rule + text(PLOT.left - 8, at + 4, label, 'text-anchor="end"');
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
