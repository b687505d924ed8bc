/** Aligned columns of plain text. */

export interface Column {
  readonly head: string;
  /** Numbers stand under their last digit. */
  readonly right?: boolean;
}

const GAP = "  ";

/**
 * Head and rows, each line behind `indent` and each row behind `mark` too; a column in which every cell
 * is empty is left out.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  indent = "",
  mark = "",
): string {
  const kept = columns
    .map(({ head, right }, index) => ({ head, right: right === true, index }))
    .filter(({ index }) => rows.some((row) => (row[index] ?? "") !== ""));
  const widths = kept.map(({ head, index }) =>
    rows.reduce((width, row) => Math.max(width, (row[index] ?? "").length), head.length),
  );
  const line = (cells: readonly string[], lead: string): string => {
    const padded = cells.map((cell, i) =>
      kept[i]?.right ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
    );
    return `${lead}${padded.join(GAP)}`.trimEnd();
  };
  const head = line(
    kept.map((column) => column.head),
    indent + " ".repeat(mark.length),
  );
  return [
    head,
    ...rows.map((row) =>
      line(
        kept.map(({ index }) => row[index] ?? ""),
        indent + mark,
      ),
    ),
  ].join("\n");
}

/** `1 page`, `4,096 pages`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** Whole sentences, each broken at `width` and behind `indent`. */
export function paragraphs(sentences: readonly string[], indent: string, width = 100): string[] {
  return sentences.flatMap((sentence) =>
    wrapped(sentence, width - indent.length - 2).map((text, i) => `${indent}${i === 0 ? "- " : "  "}${text}`),
  );
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
