/** The words of one line of a rule file, with their columns. */
export interface Word {
  readonly text: string;
  /** 1-based. */
  readonly column: number;
}

const WORD = /"[^"]*"|[,=]|[^\s,="]+|"/g;

/** Words up to a `#` that begins one; a comma and an equals sign are words of their own. */
export function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  for (const match of line.matchAll(WORD)) {
    if (match[0].startsWith("#")) break;
    words.push({ text: match[0], column: match.index + 1 });
  }
  return words;
}

/** The nearest of `choices` when at most two letters differ; null: none is near. */
export function nearWord(word: string, choices: readonly string[]): string | null {
  const near = choices
    .map((choice) => ({ choice, distance: lettersBetween(word.toLowerCase(), choice.toLowerCase()) }))
    .filter(({ choice, distance }) => distance <= Math.min(2, choice.length - 1))
    .toSorted((a, b) => a.distance - b.distance);
  return near[0]?.choice ?? null;
}

function lettersBetween(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const here = [row];
    for (let column = 1; column <= b.length; column++) {
      const swap = (above[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      here.push(Math.min(swap, (above[column] as number) + 1, (here[column - 1] as number) + 1));
    }
    above = here;
  }
  return above[b.length] as number;
}
