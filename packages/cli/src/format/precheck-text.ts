import { type Conflict, type HostVerdict, hex, type PrecheckReport } from "@ioasis/core";
import { counted, paragraphs } from "./table.ts";

/** Conflicts of a host that are shown; `--json` has more. */
const SHOWN_MAX = 20;

/** Whether the hosts take it, for people. */
export function precheckText({ fits, hosts }: PrecheckReport): string {
  const refusing = hosts.filter((host) => !host.fits).length;
  const verdict = fits ? "fits" : `does not fit ${counted(refusing, "host")} of ${hosts.length}`;
  return [verdict, ...hosts.flatMap((host) => ["", ...hostLines(host)])].join("\n");
}

function hostLines({ host, fits, conflicts, omitted, unknown }: HostVerdict): string[] {
  const word = fits ? (unknown.length > 0 ? "fits, as far as it is told" : "fits") : "does not fit";
  const lines = [`${host}: ${word}`];
  const ordered = [...conflicts].sort((a, b) => Number(b.isRefusal) - Number(a.isRefusal));
  for (const conflict of ordered.slice(0, SHOWN_MAX)) lines.push(...conflictLines(conflict));
  const more = omitted + Math.max(0, conflicts.length - SHOWN_MAX);
  if (more > 0) lines.push(`  ... and ${more.toLocaleString("en")} more conflicts`);
  if (unknown.length > 0) lines.push("  not told:", ...paragraphs(unknown, "    "));
  return lines;
}

function conflictLines({ range, name, ioas, with: other, device, errno, rule, remedy, isRefusal }: Conflict): string[] {
  const subject = [ioas ?? "", name, range === null ? "" : `${hex(range.first)}-${hex(range.last)}`]
    .filter(Boolean)
    .join(" ");
  const against = [
    other.kind,
    other.range === null ? "" : `${hex(other.range.first)}-${hex(other.range.last)}`,
    other.value ?? "",
  ]
    .filter(Boolean)
    .join(" ");
  const where = device === null ? "" : ` of ${device}`;
  return [
    `  ${isRefusal ? errno : `(${errno})`}  ${subject} against ${other.kind === "aperture" && other.range !== null ? outside(other.range) : against}${where}: ${rule}`,
    ...paragraphs([remedy], "    "),
  ];
}

function outside({ first, last }: { readonly first: bigint; readonly last: bigint }): string {
  return `what is not translated, ${hex(first)}-${hex(last)},`;
}
