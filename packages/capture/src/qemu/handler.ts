/** How the parts of the decoder say which trace events are theirs. */
import type { TraceLine } from "./trace-line.ts";

/** Decodes the text of one event; `line.at` stands behind its name. */
export type Handler = (line: TraceLine) => void;

export interface EventFamily {
  readonly handlers: Readonly<Record<string, Handler>>;
}
