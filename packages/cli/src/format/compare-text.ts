import { type CompareAnswer, type PageSide, sizeText } from "@ioasis/history";
import { counted, table } from "./table.ts";

const PAGE_BYTES = 4096n;

/** The state against page-table dumps, for people. */
export function compareText({ version, equal, pages, first }: CompareAnswer & { readonly version: number }): string {
  const { both, onlyHere, onlyDump, different } = pages;
  const lines = [`${equal ? "equal" : "NOT equal"} at version ${version}: ${pagesText(both)} the same`];
  if (equal) return lines.join("\n");
  lines.push(
    `  ${pagesText(onlyHere)} only in the history`,
    `  ${pagesText(onlyDump)} only in the dump`,
    `  ${pagesText(different)} with another address or right`,
  );
  const columns = [{ head: "iova", right: true }, { head: "history" }, { head: "dump" }];
  const rows = first.map(({ iova, here, dump }) => [iova, sideText(here), sideText(dump)]);
  lines.push("", `the first ${first.length}`, table(columns, rows, "  "));
  return lines.join("\n");
}

function pagesText(count: number): string {
  return `${counted(count, "page")} (${sizeText(BigInt(count) * PAGE_BYTES)})`;
}

function sideText(side: PageSide | null): string {
  return side === null ? "not mapped" : `${side.paddr ?? "address not told"} ${side.prot}`;
}
